"""Runs on this machine: the folder of a run, TFX's local runner, its metadata."""
