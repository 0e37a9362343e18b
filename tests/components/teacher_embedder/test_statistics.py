"""Sums over shards against numpy over everything."""

from __future__ import annotations

import numpy as np

from components.teacher_embedder.statistics import ShardSummary, mean_and_deviation


def summarise(index: int, targets: np.ndarray) -> ShardSummary:
    summary = ShardSummary("train", index)
    for part in np.array_split(targets, 3):
        summary.add(part)
    return summary


def test_equals_numpy_over_all_targets() -> None:
    targets = np.random.default_rng(0).normal([0, 50, -3], [1, 0.1, 20], (1000, 3)).astype(np.float16)
    mean, deviation = mean_and_deviation([summarise(n, part) for n, part in enumerate(np.split(targets, 4))])
    exact = targets.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, exact.std(axis=0), rtol=1e-8)


def test_order_of_the_shards_does_not_show() -> None:
    targets = np.random.default_rng(1).normal(0, 1, (900, 5)).astype(np.float16)
    shards = [summarise(n, part) for n, part in enumerate(np.split(targets, 9))]
    assert mean_and_deviation(shards) == mean_and_deviation(shards[::-1])


def test_constant_dimension_can_be_divided_by() -> None:
    targets = np.tile(np.array([0.0, 3.3, 1000.0], np.float16), (77, 1))
    mean, deviation = mean_and_deviation([summarise(0, targets)])
    np.testing.assert_allclose(mean, targets[0].astype(np.float64))
    assert deviation == [1.0, 1.0, 1.0]


def test_empty_shards_do_not_count() -> None:
    mean, deviation = mean_and_deviation(
        [ShardSummary("train", 0), summarise(1, np.array([[1.0], [3.0], [2.0]]))]
    )
    assert mean == [2.0]
    np.testing.assert_allclose(deviation, [np.sqrt(2 / 3)])
