"""AudioSet segments and clips -> clip records.

In: a segments CSV for train and one for eval, a folder of clips, the ontology. Out: ``Examples`` (splits
train and eval) and an ``IngestReport``. What can go wrong: sources that are absent or malformed, and
too many clips that are missing or bad; single bad clips are quarantined.
"""
