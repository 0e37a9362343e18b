"""What noise does to a frontier whose truth is known: the figures of many simulated runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from components.common.frontier.dominance import Comparison, find_frontier
from components.common.frontier.scales import Axis
from components.common.frontier.simultaneous import critical_value

RUNS, RESAMPLES = 60, 300
# Twelve points that truly trade quality for latency: each a third slower than the one before it, and better
# by less and less; and two that truly lose to one of them on both axes.
LATENCY = 1.33 ** np.arange(12)
QUALITY = 0.80 - 0.08 * np.exp(-np.arange(12) / 3.5)
BEATEN_LATENCY = np.append(LATENCY, [LATENCY[4] * 1.5, LATENCY[7] * 1.5])
BEATEN_QUALITY = np.append(QUALITY, [QUALITY[4] - 0.06, QUALITY[7] - 0.06])


@dataclass
class Kept:
    """Means over the runs."""

    optimal: float
    beaten: float
    loss: float


def simulate(deviation: float) -> Kept:
    """Runs with a paired standard error of ``deviation``; draws are paired by noise common to all points."""
    rng = np.random.default_rng(7)
    optimal, beaten, losses = [], [], []
    for _ in range(RUNS):
        own = deviation / 2**0.5
        quality = BEATEN_QUALITY + rng.normal(0, own, 14) + rng.normal(0, 0.02)
        common = rng.normal(0, 0.02, RESAMPLES)
        draws = quality[:, None] + common + rng.normal(0, own, (14, RESAMPLES))
        latency = BEATEN_LATENCY * np.exp(rng.normal(0, 0.005, 14))
        axes = [
            Axis("quality", quality, 0.005, draws=draws, critical=critical_value(draws)),
            Axis(
                "latency",
                latency,
                0.05,
                low=latency * 0.99,
                high=latency * 1.01,
                larger_is_better=False,
                relative=True,
            ),
        ]
        frontier = np.array(find_frontier(Comparison(axes)).frontier)
        optimal.append((frontier < 12).sum())
        beaten.append((frontier >= 12).sum())
        losses.append(QUALITY.max() - BEATEN_QUALITY[frontier].max())
    return Kept(float(np.mean(optimal)), float(np.mean(beaten)), float(np.mean(losses)))


@pytest.mark.parametrize(("deviation", "beaten"), [(0.006, 0.05), (0.012, 0.05), (0.025, 0.9)])
def test_noise_does_not_throw_points_of_the_frontier_away(deviation: float, beaten: float) -> None:
    kept = simulate(deviation)
    assert kept.optimal >= 11
    assert kept.loss <= 0.0009
    assert kept.beaten <= beaten


def test_fewer_clips_give_a_longer_frontier() -> None:
    noisy, exact = simulate(0.05), simulate(0.001)
    assert noisy.optimal + noisy.beaten > exact.optimal + exact.beaten + 1
    assert noisy.loss <= 0.0009


def test_one_more_file_of_the_same_student_changes_no_decision() -> None:
    # b is faster and, on these draws, worse by 0.01, which is beyond the margin; near-duplicates of a point
    # agree with it by far better than two students do.
    rng = np.random.default_rng(1)
    quality, latency = np.array([0.75, 0.74, 0.70]), np.array([2.0, 1.0, 0.5])
    draws = quality[:, None] + rng.normal(0, 0.01, (3, RESAMPLES))

    def stand(copies: int) -> list[int]:
        more = np.repeat([0, 1, 2], copies)
        values = np.append(quality, quality[more])
        drawn = np.vstack([draws, draws[more] + rng.normal(0, 1e-4, (len(more), RESAMPLES))])
        axes = [
            Axis("quality", values, 0.005, draws=drawn, critical=critical_value(drawn)),
            Axis("latency", np.append(latency, latency[more]), 0.05, larger_is_better=False, relative=True),
        ]
        return [point for point in find_frontier(Comparison(axes)).frontier if point < 3]

    assert stand(0) == stand(1) == stand(5) == [0, 1, 2]


def test_equal_models_rarely_lead() -> None:
    # 24 models of the same truth: with 1.96 deviations the best "leads" the worst in nearly every run.
    rng = np.random.default_rng(3)
    false = naive = 0
    for _ in range(RUNS):
        quality = 0.7 + rng.normal(0, 0.01, 24)
        draws = quality[:, None] + rng.normal(0, 0.01, (24, RESAMPLES))
        gap, deviation = np.ptp(quality), float(np.std(draws[quality.argmax()] - draws[quality.argmin()]))
        false += int(gap > critical_value(draws) * deviation)
        naive += int(gap > 1.96 * deviation)
    assert naive > 0.8 * RUNS
    assert false <= 0.12 * RUNS
