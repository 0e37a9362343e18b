"""The configuration: typed settings, YAML, the grid, and everything a run reads from outside."""
