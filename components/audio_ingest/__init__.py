"""AudioSet segments and clips -> clip records.

In: segments files for train and eval, clips as files or in tar or parquet shards (``layouts/``), here or
behind a URL, the ontology. Out: ``Examples`` (splits train and eval) and an ``IngestReport``. What can go
wrong: sources that are absent, malformed or in no one layout, and too many clips that are missing or bad;
single bad clips are quarantined.
"""
