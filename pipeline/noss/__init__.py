"""The benchmark by itself: tasks, models, and runs without the pipeline."""
