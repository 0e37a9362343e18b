"""NOSS tasks, as records -> labelled clip records.

In: task records (the catalogue's, a folder's own, the configuration's) and the first of their sources that
is there: a published folder, a data set that TFDS has prepared, or a ``manifest.csv``. Out: ``Examples``
(splits train, validation and test, all tasks mixed, with ``noss_tasks.json`` at the top) and an
``IngestReport``. What can go wrong: a required task is absent, malformed sources, leaks between splits, too
many bad clips.
"""
