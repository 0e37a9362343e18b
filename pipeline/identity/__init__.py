"""What makes a run, or a component, the same as before: digests of code, libraries and configuration."""
