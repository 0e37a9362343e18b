"""Kubeflow Pipelines: compiling the pipeline for a cluster, and speaking to its server."""
