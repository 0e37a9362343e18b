"""What ``pipeline_runner.py init`` finds, and the configuration that it writes."""
