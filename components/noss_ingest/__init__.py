"""NOSS task sources -> labelled clip records.

In: folders with a ``manifest.csv`` and the clips it names. Out: ``Examples`` (splits train, validation and
test, all tasks mixed) and an ``IngestReport``. What can go wrong: malformed manifests, leaks between
splits, too many bad clips.
"""
