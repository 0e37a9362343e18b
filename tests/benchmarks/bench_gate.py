"""Speed of the gate's dominance: seconds for 10,000 points on four axes, against a naive comparison of pairs.

Run it alone on the machine: ``python -m tests.benchmarks.bench_gate``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import numpy as np

from components.common.frontier.dominance import Comparison, find_frontier
from components.common.frontier.scales import NORMAL_95, ONE_SIDED_95, Axis, Floats

POINTS = 10_000
POINTS_OF_THE_NAIVE = 500
RESAMPLES = 1000
# Standard deviations of the draws: what all models share, and what is a model's own.
COMMON_NOISE, OWN_NOISE = 0.01, 0.002
_LOG = logging.getLogger("tinytrill.bench")


def random_cloud(points: int, rng: np.random.Generator) -> Floats:
    """Four figures that know nothing of one another: few stand."""
    return rng.random((points, 4))


def correlated_cloud(points: int, rng: np.random.Generator) -> Floats:
    """Good points are good in everything: very few stand."""
    return 0.8 * rng.random((points, 1)) + rng.normal(0.3, 0.03, (points, 4))


def opposed_cloud(points: int, rng: np.random.Generator) -> Floats:
    """What is gained on one axis is paid for on the others: thousands stand."""
    figures = rng.random((points, 4))
    return figures / np.linalg.norm(figures, axis=1, keepdims=True) + rng.normal(0, 0.002, figures.shape)


def indistinct_cloud(points: int, rng: np.random.Generator) -> Floats:
    """Differences within the noise on each axis: nothing can be told apart, and all stand."""
    return 0.5 + rng.random((points, 4)) * [0.002, 0.002, 0, 0.002]


def make_axes(figures: Floats, rng: np.random.Generator) -> list[Axis]:
    """Quality with paired draws, latency with intervals, bytes without margin, and memory."""
    points = len(figures)
    quality = figures[:, 0]
    latency, size, memory = (2.1 - figures[:, 1:]).T
    noise = rng.normal(0, COMMON_NOISE, RESAMPLES) + rng.normal(0, OWN_NOISE, (points, RESAMPLES))
    wide = NORMAL_95 * COMMON_NOISE
    return [
        Axis(
            "quality",
            quality,
            0.005,
            low=quality - wide,
            high=quality + wide,
            draws=quality[:, None] + noise,
            critical=3.5,
        ),
        Axis("latency", latency, 0.02, latency * 0.985, latency * 1.015, False, relative=True),
        Axis("bytes", np.round(size * 1e6), larger_is_better=False, relative=True),
        Axis("memory", memory, 0.05, larger_is_better=False, relative=True),
    ]


def seconds_of_frontier(cloud: Callable[[int, np.random.Generator], Floats], points: int) -> float:
    """Seconds from the figures to the frontier and who beats each of the others."""
    rng = np.random.default_rng(0)
    axes = make_axes(cloud(points, rng), rng)
    wall, processor = time.perf_counter(), time.process_time()
    found = find_frontier(Comparison(axes))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    _LOG.info(
        "%s, %d points: %.2f s (%.2f s of processors), %d on the frontier",
        cloud.__name__,
        points,
        wall,
        processor,
        len(found.frontier),
    )
    return wall


def ratio_to_naive(cloud: Callable[[int, np.random.Generator], Floats]) -> float:
    """How many times as long a loop over all pairs takes, of few points, which must find the same."""
    rng = np.random.default_rng(0)
    axes = make_axes(cloud(POINTS_OF_THE_NAIVE, rng), rng)
    begun = time.perf_counter()
    found = find_frontier(Comparison(axes))
    ours = time.perf_counter() - begun
    begun = time.perf_counter()
    frontier = naive_frontier(axes)
    naive = time.perf_counter() - begun
    if frontier != set(found.frontier):
        raise AssertionError(
            f"{cloud.__name__}: the naive frontier differs in {frontier ^ set(found.frontier)}"
        )
    _LOG.info(
        "%s, %d points: naive %.2f s, %.0f times ours",
        cloud.__name__,
        POINTS_OF_THE_NAIVE,
        naive,
        naive / ours,
    )
    return naive / ours


def naive_frontier(axes: list[Axis]) -> set[int]:
    """The definition, pair by pair: whoever nobody left beats, stands; whom those beat, is out."""
    points = range(len(axes[0].values))
    beaten_by = {b: {a for a in points if _beats(axes, a, b)} for b in points}
    frontier: set[int] = set()
    left = set(points)
    while left:
        unbeaten = {b for b in left if not beaten_by[b] & left}
        frontier |= unbeaten
        left = {b for b in left - unbeaten if not beaten_by[b] & unbeaten}
    return frontier


def _beats(axes: list[Axis], a: int, b: int) -> bool:
    clear = False
    for axis in axes:
        margin, gain = axis.margin, _gain(axis, a, b)
        if axis.relative:
            margin = math.log1p(margin)
        if gain < -margin / (len(axes) - 1) or gain + margin < ONE_SIDED_95 * _deviation(axis, a, b):
            return False
        clear |= bool(gain > margin) and _apart(axis, a, b)
    return clear


def _gain(axis: Axis, a: int, b: int) -> float:
    gain = axis.values[a] - axis.values[b]
    if axis.relative:
        gain = math.log(axis.values[a] / axis.values[b])
    return float(gain if axis.larger_is_better else -gain)


def _deviation(axis: Axis, a: int, b: int) -> float:
    if axis.draws is not None:
        return float((axis.draws[a] - axis.draws[b]).std(ddof=1))
    if axis.low is None or axis.high is None:
        return 0.0
    near, far = (axis.low[a], axis.high[b]) if axis.larger_is_better else (axis.high[a], axis.low[b])
    ends = zip((axis.values[a], axis.values[b]), (near, far), strict=True)
    return math.hypot(*(math.log(x / y) if axis.relative else x - y for x, y in ends)) / NORMAL_95


def _apart(axis: Axis, upper: int, lower: int) -> bool:
    if axis.draws is not None:
        return _gain(axis, upper, lower) > axis.critical * _deviation(axis, upper, lower)
    if axis.low is None or axis.high is None:
        return True
    if axis.larger_is_better:
        return bool(axis.low[upper] > axis.high[lower])
    return bool(axis.high[upper] < axis.low[lower])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for cloud in (random_cloud, correlated_cloud, opposed_cloud, indistinct_cloud):
        seconds_of_frontier(cloud, POINTS)
        ratio_to_naive(cloud)
