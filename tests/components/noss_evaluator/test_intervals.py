from __future__ import annotations

import numpy as np
import pytest

from components.common.statistics.bootstrap import interval_95, paired_interval
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.intervals import (
    clusters_of,
    draw_clusters,
    draw_speakers,
    mean_interval,
    score_interval,
    speakers_known,
    task_generator,
    widened,
)


def _clips(speakers: list[str], sounds: list[int] | None = None) -> list[Entry]:
    sounds = sounds or list(range(len(speakers)))
    return [
        Entry(f"x/{i}", "x", "test", "a", speaker, sound)
        for i, (speaker, sound) in enumerate(zip(speakers, sounds, strict=True))
    ]


def _samples(values: np.ndarray, clusters: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """Means of values whose clusters were drawn."""
    sums, sizes = np.bincount(clusters, values), np.bincount(clusters)
    drawn = np.concatenate(list(draw_clusters(len(sizes), resamples, np.random.default_rng(seed))))
    return (drawn @ sums) / (drawn @ sizes)


def test_clips_of_few_speakers_stand_for_themselves() -> None:
    assert clusters_of(_clips(["x", "x", "y", "y"])).tolist() == [0, 1, 2, 3]
    assert clusters_of(_clips(["x", "x", "y", "z"])).tolist() == [0, 0, 1, 2]


def test_clips_of_one_sound_are_one() -> None:
    assert clusters_of(_clips(["", "", ""], sounds=[7, 8, 7])).tolist() == [0, 1, 0]


def test_speakers_are_clusters_and_an_unknown_one_is_nobody_else() -> None:
    clips = _clips(["w", "x", "", "y", "z", "w", "", "x"])
    assert clusters_of(clips).tolist() == [0, 1, 2, 3, 4, 0, 5, 1]
    assert speakers_known(clips) == 4


def test_as_many_clusters_are_drawn_as_there_are() -> None:
    drawn = np.concatenate(list(draw_clusters(7, 500, np.random.default_rng(0))))
    assert drawn.shape == (500, 7)
    assert (drawn.sum(axis=1) == 7).all()
    # Each is drawn once on average, over 500 draws with a standard deviation of sqrt(6 / 7 / 500) = 0.04.
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.17)


def test_interval_of_single_clips_is_that_of_the_binomial() -> None:
    # 100 clips, 80 right. Drawn with replacement, the number of right ones is binomial(100, 0.8), whose
    # standard deviation is sqrt(100 * 0.8 * 0.2) = 4: 95 % of it lie within 80 +- 1.96 * 4 = 72.2 .. 87.8.
    samples = _samples(np.arange(100) < 80, np.arange(100), 20_000)
    low, high = interval_95(samples)
    assert samples.mean() == pytest.approx(0.8, abs=0.002)
    assert samples.std() == pytest.approx(0.04, abs=0.001)
    assert [low, high] == pytest.approx([0.72, 0.88], abs=0.011)


def test_whole_speakers_are_drawn() -> None:
    # Four speakers, each all right or all wrong: a drawn set has 0 to 4 right speakers of 4, so only
    # five accuracies are possible, with the frequencies of a binomial(4, 1/2): 1, 4, 6, 4, 1 of 16.
    samples = _samples(np.repeat([1, 1, 0, 0], 25), np.repeat([0, 1, 2, 3], 25), 16_000)
    values, counts = np.unique(samples, return_counts=True)
    assert values.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert counts / 1000 == pytest.approx([1, 4, 6, 4, 1], rel=0.12)


def test_mean_of_independent_tasks_is_surer_than_one() -> None:
    # Each task has a standard deviation of 0.04 (see above); the mean of four independent ones 0.02.
    by_task = [_samples(np.arange(100) < 80, np.arange(100), 20_000, seed) for seed in range(4)]
    low, high = mean_interval(by_task)
    assert high - low == pytest.approx(2 * 1.96 * 0.02, abs=0.004)


def test_the_same_seed_draws_the_same_clips() -> None:
    draws = [task_generator(seed, task).random() for seed, task in [(1, "x"), (1, "x"), (1, "y"), (2, "x")]]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_many_clips_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draw_clusters(100, 1234, np.random.default_rng(0))))
    monkeypatch.setattr("components.noss_evaluator.intervals._CELLS_AT_ONCE", 1000)
    portions = list(draw_clusters(100, 1234, np.random.default_rng(0)))
    assert max(len(portion) for portion in portions) == 10
    np.testing.assert_array_equal(np.concatenate(portions), whole)


def test_a_model_differs_from_itself_by_nothing() -> None:
    samples = _samples(np.arange(100) < 80, np.arange(100), 200)
    assert paired_interval(samples, samples) == (0.0, 0.0)
    with pytest.raises(ValueError, match="200 samples cannot be paired with 100"):
        paired_interval(samples, samples[:100])


def test_paired_intervals_cover_the_true_difference() -> None:
    """200 worlds of 40 speakers, each with 10 clips, who are hard or easy for both of two models.

    A speaker's clips are right with a chance of 0.7 + hardness (model a) and 0.6 + hardness (model b); the
    same random number decides for both, so that they agree on most clips. The true difference is 0.1.
    """
    rng = np.random.default_rng(0)
    worlds, speakers, clips = 200, 40, 10
    hardness = rng.uniform(-0.25, 0.25, (worlds, speakers, 1))
    own = rng.normal(0, 0.05, (worlds, speakers, 1))
    luck = rng.random((worlds, speakers, clips))
    a = (luck < 0.7 + hardness + own).mean(axis=2)
    b = (luck < 0.6 + hardness).mean(axis=2)
    drawn = np.concatenate(list(draw_clusters(speakers, 1000, rng))) / speakers

    paired = [paired_interval(drawn @ one, drawn @ other) for one, other in zip(a, b, strict=True)]
    covered = np.mean([low <= 0.1 <= high for low, high in paired])
    assert 0.90 <= covered <= 0.99
    # Drawn apart, the speakers that are hard for both would widen the interval.
    apart = [
        interval_95(drawn @ one - rng.permutation(drawn @ other)) for one, other in zip(a, b, strict=True)
    ]
    assert np.mean([high - low for low, high in paired]) < 0.7 * np.mean([high - low for low, high in apart])


@pytest.mark.parametrize(("speakers", "least"), [(4, 0.86), (6, 0.88), (10, 0.91), (20, 0.92)])
def test_intervals_of_few_speakers_cover(speakers: int, least: float) -> None:
    """400 worlds: speakers of accuracy 0.7 +- 0.1, 30 clips each; percentiles alone cover .75 to .91."""
    rng = np.random.default_rng(0)
    worlds, clips = 400, 30
    accuracy = np.clip(rng.normal(0.7, 0.1, (worlds, speakers)), 0, 1)
    rates = rng.binomial(clips, accuracy) / clips
    entries = _clips([f"s{i}" for i in range(speakers)])
    draws = np.concatenate(list(draw_speakers(entries, clusters_of(entries), 500, 0, "x")))
    draws = draws[draws.sum(axis=1) > 0]
    samples = [(draws @ one) / draws.sum(axis=1) for one in rates]
    intervals = [score_interval(widened(one, speakers)) for one in samples]
    assert least <= np.mean([low <= 0.7 <= high for low, high in intervals]) <= 0.985


def test_speakers_that_tasks_share_are_drawn_together() -> None:
    one, other = _clips(["w", "x", "y"]), _clips(["z", "y", "w", "w"])
    first, second = (
        np.concatenate(list(draw_speakers(clips, clusters_of(clips), 300, 1, "corpus")))
        for clips in (one, other)
    )
    # Speakers of the first: w, x, y; of the second: z, y, w.
    np.testing.assert_array_equal(first[:, [0, 2]], second[:, [2, 1]])
    elsewhere = np.concatenate(list(draw_speakers(one, clusters_of(one), 300, 1, "another")))
    assert (elsewhere != first).any()
    assert first.mean() == pytest.approx(1, abs=0.15)


def test_the_mean_of_tasks_that_share_speakers_covers() -> None:
    """Four tasks of the same 20 speakers: drawn apart, their mean would seem twice as sure as it is."""
    rng = np.random.default_rng(0)
    worlds, speakers, tasks = 300, 20, 4
    rates = 0.7 + rng.normal(0, 0.1, (worlds, speakers, 1)) + rng.normal(0, 0.03, (worlds, speakers, tasks))
    entries = _clips([f"s{i}" for i in range(speakers)])

    def covered(corpora: list[str]) -> float:
        draws = [
            np.concatenate(list(draw_speakers(entries, clusters_of(entries), 400, 0, one))) for one in corpora
        ]
        hits = 0
        for world in rates:
            by_task = [
                widened((drawn @ world[:, i]) / drawn.sum(axis=1), speakers) for i, drawn in enumerate(draws)
            ]
            low, high = mean_interval(by_task)
            hits += int(low <= 0.7 <= high)
        return hits / worlds

    assert covered(["x"] * tasks) >= 0.92
    assert covered(["a", "b", "c", "d"]) < 0.8


def test_many_clusters_are_hardly_widened() -> None:
    samples = np.random.default_rng(0).normal(0.7, 0.01, 1000)
    assert np.ptp(widened(samples, 1000)) == pytest.approx(np.ptp(samples), rel=0.003)
    # t(5) is 2.571: 2.571 / 1.96 * sqrt(6 / 5) = 1.437.
    assert np.ptp(widened(samples, 6)) == pytest.approx(1.437 * np.ptp(samples), rel=0.001)
    assert widened(samples, 1) is samples
    assert score_interval(np.array([-0.2, 1.3])) == (0.0, 1.0)
