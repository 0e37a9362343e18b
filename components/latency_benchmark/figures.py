"""From what each round took to figures: percentiles, typical latency, ratios, and their intervals.

Every interval is made the same way. A round gives one value: a model's median, or the logarithm of the
ratio of two models' medians, so that what slows both cancels. A session gives the median of its rounds,
which an outlier does not move. The estimate is the mean of the sessions, and its 95 % interval is the
wider of two, on each side:

* Student's t over the sessions. Rounds of one session share a process, its memory and its neighbours:
  they are not independent, sessions are;
* the bootstrap of the rounds within their sessions, so that three sessions that agree by chance do not
  promise more than their own rounds do.

Simulated (3 sessions, 10 rounds, 1000 times; test_figures.py repeats it in small), the interval of the
ratio of two equal models contains 1 in 0.94 to 0.996 of the cases: plain noise, session effects of 1 %,
drift, 10 to 20 % outliers, rounds correlated by 0.8. The bootstrap alone contains it in 0.58 to 0.98, one
of sessions and rounds in 0.83 to 0.99. The price is width: with 3 sessions t is 4.3, and session effects
of 1 % in both models give a half width of 3.2 %; more sessions narrow it fast (5: 1.8 %). Borrowing the
other models' spread (a moderated t) is a third narrower, but contains a model that alone swings four times
as much in only 0.58 to 0.83 of the cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.bootstrap import interval_95
from components.latency_benchmark.backends.base import Burst
from schemas.latency_reports import Statistic

RESAMPLES = 1000

Array = np.ndarray[Any, np.dtype[np.float64]]
Timings = Mapping[tuple[int, int], Burst]
"""What one model took, by session and round."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Figures of one model over all its rounds, in milliseconds; None where the tool does not tell."""

    n: int
    seconds: float
    statistic: Statistic
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    mean_ms: float

    @property
    def typical_ms(self) -> float:
        """The median, or the mean where no median is told."""
        return self.mean_ms if self.p50_ms is None else self.p50_ms


def summary(timings: Timings) -> Summary:
    """Percentiles over all samples; of summaries, the median of the rounds' medians and 95th percentiles.

    Raises:
      ValueError: If nothing was timed.
    """
    bursts = list(timings.values())
    if not bursts:
        raise ValueError("a model that was not timed has no figures")
    n = sum(burst.count for burst in bursts)
    mean_ms = sum(burst.count * burst.mean_us for burst in bursts) / n / 1e3
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    if all(burst.samples_us for burst in bursts):
        pooled = np.concatenate([burst.samples_us for burst in bursts]) / 1e3
        p50, p90, p95, p99 = (float(value) for value in np.percentile(pooled, (50, 90, 95, 99)))
    else:
        p50, p90 = _median_ms([burst.median_us for burst in bursts]), None
        p95, p99 = _median_ms([burst.p95_us for burst in bursts]), None
    return Summary(
        n=n,
        seconds=sum(burst.seconds for burst in bursts),
        statistic="mean" if p50 is None else "median",
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        mean_ms=mean_ms,
    )


def session_summaries(timings: Timings) -> dict[int, Summary]:
    """The figures of each session by itself."""
    sessions = sorted({session for session, _ in timings})
    return {
        session: summary({place: burst for place, burst in timings.items() if place[0] == session})
        for session in sessions
    }


def session_ms(timings: Timings) -> dict[int, float]:
    """Typical latency of each session: the median of its rounds."""
    return {
        session: float(np.median(rounds)) for session, rounds in _by_session(_typical_ms(timings)).items()
    }


def typical_ms(timings: Timings, seed: int) -> Interval:
    """The typical latency over all samples; the interval is widened to hold it should it lie beside."""
    value = summary(timings).typical_ms
    spread = _exp(interval(_logarithms(_typical_ms(timings)), seed))
    return Interval(value, min(value, spread.low), max(value, spread.high))


def ratio(timings: Timings, against: Timings, seed: int) -> Interval:
    """How many times as long one model takes as another, round by round.

    Raises:
      ValueError: If the two were not timed in the same rounds.
    """
    own, other = _paired(timings, against)
    return _exp(interval(_logarithms({place: own[place] / other[place] for place in own}), seed))


def difference_ms(timings: Timings, against: Timings, seed: int) -> Interval:
    """How many milliseconds longer one model takes than another, round by round.

    Raises:
      ValueError: If the two were not timed in the same rounds.
    """
    own, other = _paired(timings, against)
    apart = _by_session({place: own[place] - other[place] for place in own})
    return interval(list(apart.values()), seed)


def interval(sessions: Sequence[Array], seed: int) -> Interval:
    """Mean of the sessions' medians, with the interval that the top of this module describes.

    Args:
      sessions: A value a round, ``(rounds,)``, for each session.
      seed: Of the bootstrap.

    Raises:
      ValueError: If there are fewer than two sessions: they say nothing of their spread.
    """
    from scipy import special

    if len(sessions) < 2:
        raise ValueError(f"an interval takes at least 2 sessions, got {len(sessions)}")
    medians = np.array([np.median(rounds) for rounds in sessions])
    value = float(medians.mean())
    half = float(special.stdtrit(len(medians) - 1, 0.975) * medians.std(ddof=1) / np.sqrt(len(medians)))
    low, high = interval_95(_redrawn(sessions, np.random.default_rng(seed)))
    return Interval(value, min(value - half, low), max(value + half, high))


def _redrawn(sessions: Sequence[Array], random: np.random.Generator) -> Array:
    """The estimate with the rounds of each session drawn anew, ``(RESAMPLES,)``."""
    medians = [
        np.median(rounds[random.integers(0, len(rounds), (RESAMPLES, len(rounds)))], axis=1)
        for rounds in sessions
    ]
    return np.asarray(np.mean(medians, axis=0), dtype=np.float64)


def _typical_ms(timings: Timings) -> dict[tuple[int, int], float]:
    return {place: burst.typical_us / 1e3 for place, burst in timings.items()}


def _paired(
    timings: Timings, against: Timings
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    if timings.keys() != against.keys():
        raise ValueError(
            f"two models are compared in the same rounds: {len(timings)} rounds of the one, "
            f"{len(against)} of the other, {len(timings.keys() & against.keys())} in common"
        )
    return _typical_ms(timings), _typical_ms(against)


def _by_session(values: Mapping[tuple[int, int], float]) -> dict[int, Array]:
    sessions: dict[int, list[float]] = {}
    for (session, _), value in sorted(values.items()):
        sessions.setdefault(session, []).append(value)
    return {session: np.array(rounds) for session, rounds in sessions.items()}


def _logarithms(values: Mapping[tuple[int, int], float]) -> list[Array]:
    return [np.log(rounds) for rounds in _by_session(values).values()]


def _exp(logarithms: Interval) -> Interval:
    return Interval(*(float(np.exp(end)) for end in (logarithms.value, logarithms.low, logarithms.high)))


def _median_ms(values_us: Sequence[float | None]) -> float | None:
    told = [value for value in values_us if value is not None]
    return float(np.median(told)) / 1e3 if len(told) == len(values_us) else None
