"""The commands of ``pipeline_runner.py``: options, calls into ``pipeline``, what is printed."""
