"""Compiled pipelines in Argo's own validation, packing and controller."""
