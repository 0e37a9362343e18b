"""Statistics of records -> anomalies, and the end of the run if there are any.

In: ``ExampleStatistics`` and a curated ``Schema``. Out: ``ExampleAnomalies``. What can go wrong: a record
differs from the schema; the error lists every anomaly, and the anomalies stay on disk.
"""
