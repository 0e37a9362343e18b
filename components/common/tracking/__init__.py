"""MLflow, as every component and the pipeline meet it: stores, runs, what is registered, what went wrong."""
