"""Distillation windows in, one student out."""
