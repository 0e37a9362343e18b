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

from components.common.statistics.sessions import Interval, exponential, interval, over_sessions
from components.latency_benchmark.backends.base import Burst
from schemas.latency_reports import Statistic

_SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

Array = np.ndarray[Any, np.dtype[np.float64]]
Timings = Mapping[tuple[int, int], Burst]
"""What one model took, by session and round."""


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
    """Percentiles over all samples; of a tool's summaries those that it tells, over all rounds alike.

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
    p50, p90, p95, p99 = (float(value) for value in np.percentile(_pooled_ms(bursts), (50, 90, 95, 99)))
    if not all(burst.samples_us for burst in bursts):
        p90 = p99 = None
    if any(burst.median_us is None for burst in bursts):
        p50 = None
    if any(burst.p95_us is None for burst in bursts):
        p95 = None
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


def intervals_ms(timings: Timings, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of the figures of :class:`Summary` that are told, by name: of the sessions' own figures.

    A percentile far out is as uncertain as its sessions differ, and at least as its rank in one sample is:
    three sessions that all miss a rare interruption agree well. What is typical has the interval of
    :func:`typical_ms`. Each is widened to hold the figure over all sessions.
    """
    pooled, sessions = summary(timings), list(session_summaries(timings).values())
    typical, all_ms = typical_ms(timings, seed), _pooled_ms(list(timings.values()))
    found = {}
    for name in ("p50", "p90", "p95", "p99", "mean"):
        value: float | None = getattr(pooled, f"{name}_ms")
        if value is None:
            continue
        told = [getattr(one, f"{name}_ms") for one in sessions]
        spread = exponential(over_sessions([float(np.log(one)) for one in told]))
        if name in _SHARES:
            low, high = _of_ranks(all_ms, _SHARES[name])
            spread = Interval(value, min(spread.low, low), max(spread.high, high))
        if name == ("mean" if pooled.p50_ms is None else "p50"):
            spread = typical
        found[name] = min(value, spread.low), max(value, spread.high)
    return found


def session_ms(timings: Timings) -> dict[int, float]:
    """Typical latency of each session: the median of its rounds."""
    return {
        session: float(np.median(rounds)) for session, rounds in _by_session(_typical_ms(timings)).items()
    }


def of_starts(told: Sequence[float | None]) -> Interval | None:
    """The middle of the sessions' cold starts, with Student's t on logarithms; None where one is not told.

    The interval is widened to hold the middle. Memory that did not grow at all has no logarithm: then the
    least and the greatest are its ends.
    """
    figures = [one for one in told if one is not None]
    if len(figures) < len(told):
        return None
    value = float(np.median(figures))
    if min(figures) <= 0:
        return Interval(value, min(figures), max(figures))
    spread = exponential(over_sessions([float(np.log(one)) for one in figures]))
    return Interval(value, min(value, spread.low), max(value, spread.high))


def round_ms(timings: Timings) -> list[list[float]]:
    """Typical latency of each round, to the nanosecond: a list a session, in their order."""
    return [[round(one, 6) for one in rounds] for rounds in _by_session(_typical_ms(timings)).values()]


def typical_ms(timings: Timings, seed: int) -> Interval:
    """The typical latency over all samples; the interval is widened to hold it should it lie beside."""
    value = summary(timings).typical_ms
    spread = exponential(interval(_logarithms(_typical_ms(timings)), seed))
    return Interval(value, min(value, spread.low), max(value, spread.high))


def ratio(timings: Timings, against: Timings, seed: int) -> Interval:
    """How many times as long one model takes as another, round by round.

    Raises:
      ValueError: If the two were not timed in the same rounds.
    """
    own, other = _paired(timings, against)
    return exponential(interval(_logarithms({place: own[place] / other[place] for place in own}), seed))


def difference_ms(timings: Timings, against: Timings, seed: int) -> Interval:
    """How many milliseconds longer one model takes than another, round by round.

    Raises:
      ValueError: If the two were not timed in the same rounds.
    """
    own, other = _paired(timings, against)
    apart = _by_session({place: own[place] - other[place] for place in own})
    return interval(list(apart.values()), seed)


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


def _of_ranks(sample: Array, share: float) -> tuple[float, float]:
    """The 95 % interval of a percentile by the ranks between which it lies, of independent values."""
    apart = 1.96 * np.sqrt(share * (1 - share) / len(sample))
    low, high = np.quantile(sample, np.clip((share - apart, share + apart), 0, 1))
    return float(low), float(high)


def _pooled_ms(bursts: Sequence[Burst]) -> Array:
    """Latencies of all rounds in one sample; of a tool's summaries as many as it counts, between its figures.

    A round that tells its least, median, 95th percentile and greatest tells its distribution well enough
    that all rounds together have a 95th percentile as raw samples have one; the rounds' middle one has not:
    30 % of rounds at 16 ms and the rest at 8 make 16, not 8.
    """
    samples = []
    for burst in bursts:
        if burst.samples_us:
            samples.append(np.asarray(burst.samples_us, dtype=np.float64))
            continue
        told = {0.0: burst.min_us, 0.5: burst.median_us, 0.95: burst.p95_us, 1.0: burst.max_us}
        known = {share: value for share, value in told.items() if value is not None}
        places = (np.arange(burst.count) + 0.5) / burst.count
        samples.append(np.interp(places, list(known), list(known.values())))
    return np.concatenate(samples) / 1e3
