"""How far a long piece of work over clips is, said while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Done:
    """What is done so far, by all workers together.

    Attributes:
      clips: Clips that are there now.
      bad: Clips that were left out.
      resumed: How many of both an earlier execution had done already.
    """

    clips: int = 0
    bad: int = 0
    resumed: int = 0

    @property
    def total(self) -> int:
        """All clips of which it is known what became of them."""
        return self.clips + self.bad


class ClipProgress:
    """Logs how far the work is, each time there is something new to say.

    Args:
      logger: Where to.
      what: Name of the work.
      total: Clips of the work.
      clock: Seconds from any beginning.
    """

    def __init__(
        self,
        logger: logging.Logger,
        what: str,
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._what, self._total, self._clock = logger, what, total, clock
        self._begun = clock()
        self._said = Done()

    def say(self, done: Done) -> None:
        """Logs the state, unless it is the one that was logged last.

        Args:
          done: So far.
        """
        if done == self._said:
            return
        self._said = done
        fresh = done.total - done.resumed
        rate = fresh / max(self._clock() - self._begun, 1e-9)
        words = [
            f"{done.total} of {self._total} clips ({100 * done.total / max(self._total, 1):.0f} %)",
            f"{rate:.3g} clips/s" if rate < 100 else f"{rate:.0f} clips/s",
            f"{_percent(100 * done.bad / max(done.total, 1))} % bad",
        ]
        if done.resumed:
            words.append(f"{done.resumed} of an earlier run")
        left = self._total - done.total
        if left and fresh:
            words.append(f"{duration(left / rate)} left")
        self._logger.info("%s: %s", self._what, ", ".join(words))


def _percent(value: float) -> str:
    """Two digits of what is small, and all of what is not."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


@contextmanager
def watched(
    progress: ClipProgress, read: Callable[[], Done], every_s: float = EVERY_SECONDS
) -> Iterator[None]:
    """Says how far the work of the block is, at intervals and at its end.

    Args:
      progress: Says it.
      read: Tells what is done; called from a thread of its own.
      every_s: The interval.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            progress.say(read())

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    progress.say(read())


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
