from __future__ import annotations

import numpy as np
import pytest

from components.noss_evaluator.intervals import (
    bootstrap_accuracy,
    clusters_of,
    interval_95,
    mean_interval,
    speakers_known,
    task_generator,
)


def test_clips_of_few_speakers_stand_for_themselves() -> None:
    assert clusters_of(["x", "x", "y", "z"]).tolist() == [0, 1, 2, 3]


def test_speakers_are_clusters_and_an_unknown_one_is_nobody_else() -> None:
    speakers = ["w", "x", "", "y", "z", "w", "", "x"]
    assert clusters_of(speakers).tolist() == [0, 1, 2, 3, 4, 0, 5, 1]
    assert speakers_known(speakers) == 4


def test_interval_of_single_clips_is_that_of_the_binomial() -> None:
    # 100 clips, 80 right. Drawn with replacement, the number of right ones is binomial(100, 0.8), whose
    # standard deviation is sqrt(100 * 0.8 * 0.2) = 4: 95 % of it lie within 80 +- 1.96 * 4 = 72.2 .. 87.8.
    correct = np.arange(100) < 80
    samples = bootstrap_accuracy(correct, np.arange(100), 20_000, np.random.default_rng(0))
    low, high = interval_95(samples)
    assert samples.mean() == pytest.approx(0.8, abs=0.002)
    assert samples.std() == pytest.approx(0.04, abs=0.001)
    assert [low, high] == pytest.approx([0.72, 0.88], abs=0.011)


def test_whole_speakers_are_drawn() -> None:
    # Four speakers, each all right or all wrong: a drawn set has 0 to 4 right speakers of 4, so only
    # five accuracies are possible, with the frequencies of a binomial(4, 1/2): 1, 4, 6, 4, 1 of 16.
    clusters = np.repeat([0, 1, 2, 3], 25)
    correct = np.repeat([True, True, False, False], 25)
    samples = bootstrap_accuracy(correct, clusters, 16_000, np.random.default_rng(0))
    values, counts = np.unique(samples, return_counts=True)
    assert values.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert counts / 1000 == pytest.approx([1, 4, 6, 4, 1], rel=0.12)


def test_speakers_weigh_by_their_clips() -> None:
    # One speaker with three right clips, one with a single wrong one. Drawn twice the first: 1; each
    # once: 3 / 4; twice the second: 0.
    samples = bootstrap_accuracy(
        np.array([True, True, True, False]), np.array([0, 0, 0, 1]), 500, np.random.default_rng(0)
    )
    assert set(samples) == {0.0, 0.75, 1.0}


def test_mean_of_independent_tasks_is_surer_than_one() -> None:
    # Each task has a standard deviation of 0.04 (see above); the mean of four independent ones 0.02.
    correct = np.arange(100) < 80
    by_task = [
        bootstrap_accuracy(correct, np.arange(100), 20_000, task_generator(3, f"task{i}")) for i in range(4)
    ]
    low, high = mean_interval(by_task)
    assert high - low == pytest.approx(2 * 1.96 * 0.02, abs=0.004)


def test_the_same_seed_draws_the_same_clips() -> None:
    draws = [task_generator(seed, task).random() for seed, task in [(1, "x"), (1, "x"), (1, "y"), (2, "x")]]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_many_clips_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.noss_evaluator.intervals._CELLS_AT_ONCE", 1000)
    samples = bootstrap_accuracy(np.arange(100) < 80, np.arange(100), 1234, np.random.default_rng(0))
    assert len(samples) == 1234
    assert samples.std() == pytest.approx(0.04, abs=0.005)
