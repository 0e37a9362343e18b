"""Figures of sessions: an estimate, its 95 % interval, and how long would decide.

Rounds of one session share a process, its memory and its neighbours: they are not independent, sessions are.
So every interval is Student's t over the sessions, or wider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.common.statistics.bootstrap import interval_95

RESAMPLES = 1000
MOST_SESSIONS = 100

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


def interval(sessions: Sequence[Array], seed: int) -> Interval:
    """Mean of the sessions' medians; on each side the wider of two intervals: t, and the rounds' bootstrap.

    Args:
      sessions: A value a round, ``(rounds,)``, for each session.
      seed: Of the bootstrap of the rounds within their sessions.

    Raises:
      ValueError: If there are fewer than two sessions: they say nothing of their spread.
    """
    of_sessions = over_sessions([float(np.median(rounds)) for rounds in sessions])
    low, high = interval_95(_redrawn(sessions, np.random.default_rng(seed)))
    return Interval(of_sessions.value, min(of_sessions.low, low), max(of_sessions.high, high))


def over_sessions(figures: Sequence[float]) -> Interval:
    """Mean of a figure a session, with Student's t over them.

    Raises:
      ValueError: If there are fewer than two sessions.
    """
    if len(figures) < 2:
        raise ValueError(f"an interval takes at least 2 sessions, got {len(figures)}")
    values = np.array(figures, dtype=np.float64)
    mean, n = float(values.mean()), len(values)
    half = student_t(n) * float(values.std(ddof=1)) / float(np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def exponential(logarithms: Interval) -> Interval:
    """The interval of a figure from that of its logarithm."""
    return Interval(*(float(np.exp(end)) for end in (logarithms.value, logarithms.low, logarithms.high)))


def sessions_to_tell(value: float, high: float, sessions: int, limit: float) -> int | None:
    """How many sessions would bring the upper end of an interval below a limit, if their spread stays.

    Args:
      value: The figure, in ``sessions`` sessions.
      high: Upper end of its interval, of Student's t on logarithms.
      sessions: How many there were.
      limit: What the upper end is to keep to.

    Returns:
      The number of sessions in all; None if the figure is too close to the limit, or beyond it, for
      ``MOST_SESSIONS`` to tell.
    """
    if not 0 < value < limit or sessions < 2:
        return None
    deviation = np.log(high / value) * np.sqrt(sessions) / student_t(sessions)
    for more in range(sessions, MOST_SESSIONS + 1):
        if value * np.exp(student_t(more) * deviation / np.sqrt(more)) <= limit:
            return more
    return None


def student_t(sessions: int, share: float = 0.975) -> float:
    """Quantile of Student's t for a mean over so many sessions; by default of the two-sided 95 % interval."""
    from scipy import special

    return float(special.stdtrit(sessions - 1, share))


def _redrawn(sessions: Sequence[Array], random: np.random.Generator) -> Array:
    """The estimate with the rounds of each session drawn anew, ``(RESAMPLES,)``."""
    medians = [
        np.median(rounds[random.integers(0, len(rounds), (RESAMPLES, len(rounds)))], axis=1)
        for rounds in sessions
    ]
    return np.asarray(np.mean(medians, axis=0), dtype=np.float64)
