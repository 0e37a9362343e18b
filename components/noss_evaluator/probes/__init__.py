"""Probes: what a simple classifier finds of a label in an embedding.

``fitted.fit_probe`` fits all kinds on train and keeps the one that validation speaks for.
"""
