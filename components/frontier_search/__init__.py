"""Decides which candidates of a grid are worth training to the end."""
