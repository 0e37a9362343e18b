"""A verdict in; versioned folders and MLflow registry versions of the blessed variants out."""
