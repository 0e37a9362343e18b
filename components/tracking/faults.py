"""What can go wrong with an MLflow store, told apart by what a person must do about it."""

from __future__ import annotations


class TrackingFault(RuntimeError):
    """MLflow did not do what it was asked; the message names the store, never its credentials."""


class StoreUnreachable(TrackingFault):
    """Nobody answers, or the server is failing: try again later."""


class StoreRefused(TrackingFault):
    """The server asks for other credentials, or for more rights."""


class ArtifactsRefused(TrackingFault):
    """The store's records work, but its files cannot be written or read."""


class RunMismatch(TrackingFault):
    """A run that was given belongs to another pipeline run."""
