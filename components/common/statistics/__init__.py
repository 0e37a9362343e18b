"""Intervals: of bootstrap resamples, and over sessions of a latency benchmark."""
