"""A clock that passes only while somebody waits."""

from __future__ import annotations


class MadeUpClock:
    """Stands for the module ``time``.

    Attributes:
      pauses: What was slept, in seconds.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Seconds that were slept so far."""
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Lets the time pass."""
        self.pauses.append(seconds)
