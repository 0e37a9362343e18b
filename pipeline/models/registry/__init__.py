"""What the MLflow registry holds, as a person asks for it: versions, their files, lists."""
