"""What the MLflow registry holds, for the command line: versions, listings, files."""
