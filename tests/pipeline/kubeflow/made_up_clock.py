"""A clock that passes only while somebody waits."""

from __future__ import annotations


class MadeUpClock:
    """Has the form of :class:`pipeline.kubeflow.follow.Clock`.

    Attributes:
      pauses: What was slept, in seconds.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now(self) -> float:
        """Seconds that were slept so far."""
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Lets the time pass."""
        self.pauses.append(seconds)
