"""A component for pipelines that only show when what runs, and how it ends."""
