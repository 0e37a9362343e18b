"""From raw samples to figures: percentiles, ratios, and how far rounds disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95

Samples = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """Figures of one model over all its rounds, in milliseconds."""

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    spread: Interval


def timing(samples_us: Samples, seed: int) -> Timing:
    """Percentiles over all samples, and the interval of the median when rounds are drawn anew.

    Args:
      samples_us: Samples in microseconds, by round.
      seed: Of the bootstrap.
    """
    pooled = np.concatenate([np.asarray(one, dtype=np.float64) for one in samples_us]) / 1e3
    p50, p90, p99 = (float(value) for value in np.percentile(pooled, (50, 90, 99)))
    medians = round_medians(samples_us) / 1e3
    return Timing(
        n=len(pooled),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        mean_ms=float(pooled.mean()),
        spread=_around(p50, bootstrap_median(medians, seed)),
    )


def ratio(samples_us: Samples, reference_us: Samples, seed: int) -> Interval:
    """Median over rounds of this model's median over the reference's in the same round.

    Within a round the machine is as fast for the one as for the other, so its drift cancels.

    Raises:
      ValueError: If the two were not timed in the same rounds.
    """
    if len(samples_us) != len(reference_us):
        raise ValueError(f"{len(samples_us)} rounds of the model, {len(reference_us)} of the reference")
    return bootstrap_median(round_medians(samples_us) / round_medians(reference_us), seed)


def round_medians(samples_us: Samples) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Median of each round, ``(rounds,)``."""
    return np.array([np.median(one) for one in samples_us])


def bootstrap_median(values: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> Interval:
    """The median of ``values`` with its percentile-bootstrap interval (Efron, 1979)."""
    random = np.random.default_rng(seed)
    drawn = random.choice(values, size=(RESAMPLES, len(values)), replace=True)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(drawn, axis=1), (tail, 100 - tail))
    return Interval(float(np.median(values)), float(low), float(high))


def _around(value: float, interval: Interval) -> Interval:
    """The interval, widened to hold the pooled median should the rounds' medians lie beside it."""
    return Interval(value, min(value, interval.low), max(value, interval.high))
