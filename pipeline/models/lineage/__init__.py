"""Where a model comes from and where it went: ML Metadata and MLflow put together."""
