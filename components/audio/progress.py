"""Progress lines for long loops over clips."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


class Progress:
    """Logs how far a worker is: at the first clip after ``every_s`` seconds, and at the end."""

    def __init__(
        self,
        logger: logging.Logger,
        what: str,
        total: int,
        every_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._what, self._total = logger, what, total
        self._every_s, self._clock = every_s, clock
        self._done = 0
        self._started = self._logged = clock()

    def step(self) -> None:
        """Counts one clip."""
        self._done += 1
        now = self._clock()
        if now - self._logged >= self._every_s or self._done == self._total:
            self._logged = now
            rate = self._done / max(now - self._started, 1e-9)
            share = self._done / max(self._total, 1)
            self._logger.info(
                "%s: %d of %d clips (%.0f %%), %.0f clips/s",
                self._what,
                self._done,
                self._total,
                100 * share,
                rate,
            )
