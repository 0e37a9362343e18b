from __future__ import annotations

import numpy as np
import pytest

from components.latency_benchmark import figures


def test_percentiles_by_hand() -> None:
    # 1..101 ms in two unequal rounds: with linear interpolation p50 = 51, p90 = 91, p99 = 100.
    samples = [[1000.0 * one for one in range(1, 41)], [1000.0 * one for one in range(41, 102)]]
    timing = figures.timing(samples, seed=0)
    assert timing.n == 101
    assert (timing.p50_ms, timing.p90_ms, timing.p99_ms) == pytest.approx((51, 91, 100))
    assert timing.mean_ms == pytest.approx(51)
    assert timing.spread.low <= 51 <= timing.spread.high


def test_interval_of_equal_rounds_is_a_point() -> None:
    timing = figures.timing([[100.0, 200.0, 300.0]] * 5, seed=0)
    assert (timing.spread.low, timing.spread.value, timing.spread.high) == (0.2, 0.2, 0.2)


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(0).normal(1, 0.1, 15)
    assert figures.bootstrap_median(values, 3) == figures.bootstrap_median(values, 3)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        interval = figures.bootstrap_median(random.lognormal(0, 0.2, 15), seed=trial)
        covered += interval.low <= 1.0 <= interval.high
    assert covered >= 180


def test_drift_of_the_machine_cancels_in_the_ratio() -> None:
    # Every round the machine is slower, by a factor 1 to 10; the model takes 3 times the reference.
    drift = np.linspace(1, 10, 12)
    reference = [[100.0 * factor] * 5 for factor in drift]
    model = [[300.0 * factor] * 5 for factor in drift]
    found = figures.ratio(model, reference, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))
    assert figures.timing(model, seed=0).spread.high > 2 * figures.timing(model, seed=0).spread.low


def test_two_copies_of_a_file_have_a_ratio_of_one() -> None:
    random = np.random.default_rng(5)
    contains = 0
    for trial in range(40):
        drift = np.exp(np.cumsum(random.normal(0, 0.1, 15)))
        first, second = ([list(factor * random.lognormal(6, 0.05, 30)) for factor in drift] for _ in range(2))
        found = figures.ratio(first, second, seed=trial)
        contains += found.low <= 1 <= found.high
    assert contains >= 34


def test_rounds_must_match() -> None:
    with pytest.raises(ValueError, match="2 rounds of the model, 1 of the reference"):
        figures.ratio([[1.0], [1.0]], [[1.0]], seed=0)
