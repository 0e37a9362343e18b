from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from components.common.statistics.bootstrap import interval_95, paired_interval
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.settings import NossEvaluatorSettings, StrictProtocol
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import TaskEvaluation
from schemas.noss_tasks import METRICS, Metric, SplitRule
from tests.components.noss_evaluator.helpers import make_entries, make_task

SETTINGS = NossEvaluatorSettings(resamples=200)
ONCE = NossEvaluatorSettings(resamples=200, strict=StrictProtocol(seeds=1, min_test_speakers=4))
MANY = {"train": 200, "validation": 100, "test": 400}
FOUR = ("a", "b", "c", "d")
DETECTOR: dict[str, Any] = {"metric": "equal_error_rate", "labels": ("a", "b"), "positive_label": "b"}


def _signal(entries: list[Entry], noise: float = 0.1) -> np.ndarray:
    """Embeddings in which each class has its own place."""
    rng = np.random.default_rng(0)
    places = np.array([ord(entry.label[0]) - ord("a") for entry in entries])
    return (np.eye(8)[places] * 10 + rng.normal(0, noise, (len(entries), 8))).astype(np.float32)


def _evaluate(
    entries: list[Entry], embeddings: np.ndarray, settings: NossEvaluatorSettings = SETTINGS, **record: Any
) -> TaskEvaluation:
    return evaluate_task(make_task(entries, settings, **record), embeddings, settings, seed=1)


def test_separable_classes_are_all_found() -> None:
    entries = make_entries("x", MANY, FOUR)
    evaluation = _evaluate(entries, _signal(entries), version=3)
    result = evaluation.result
    assert (result.value, result.score, result.low, result.high) == (1.0, 1.0, 1.0, 1.0)
    assert result.chance == 0.25
    assert (result.n_train, result.n_validation, result.n_test, result.n_classes) == (200, 100, 400, 4)
    assert (result.n_original, result.n_used, result.n_speakers_test) == (703, 700, 0)
    ingested = evaluation.task.ingested
    assert (result.task_version, result.task_digest, result.data_digest) == (3, ingested.digest, "d" * 16)
    assert result.metrics == {metric: 1.0 for metric in METRICS if metric != "equal_error_rate"}
    # Each of four AUCs is 1 - half of 100 * 300 pairs; sqrt(2) * probit(1 - 0.5 / 30000) = 5.86.
    assert result.d_prime == pytest.approx(5.86, abs=0.01)
    assert [run.seed for run in result.runs] == [0, 1, 2]


def test_the_value_is_the_mean_of_the_runs() -> None:
    entries = make_entries("x", MANY, FOUR)
    evaluation = _evaluate(entries, _signal(entries, noise=8.0))
    result = evaluation.result
    values = [run.value for run in result.runs]
    assert len(set(values)) > 1
    assert result.value == pytest.approx(np.mean(values))
    assert result.validation == pytest.approx(np.mean([run.validation for run in result.runs]))
    assert (result.low, result.high) == interval_95(evaluation.samples)
    assert result.low < result.value < result.high
    # The answers that are kept are those of the first draw.
    truth = [FOUR.index(clip.label) for clip in evaluation.tested]
    assert (evaluation.predicted == truth).mean() == pytest.approx(values[0])


def test_folds_test_every_clip_once_a_draw() -> None:
    entries = [
        dataclasses.replace(entry, group=str(index // 2 % 4))
        for index, entry in enumerate(make_entries("x", MANY))
    ]
    evaluation = _evaluate(entries, _signal(entries, noise=5.0), split=SplitRule(rule="folds"))
    result = evaluation.result
    assert [(run.seed, run.fold) for run in result.runs] == [(s, f) for s in range(3) for f in "0123"]
    assert (result.n_test, len(evaluation.tested), len(evaluation.probes)) == (700, 700, 4)
    assert len({clip.clip_id for clip in evaluation.tested}) == 700
    assert result.value == pytest.approx(np.mean([run.value for run in result.runs]))
    assert evaluation.samples.mean() == pytest.approx(result.value, abs=0.01)
    # Per clip, 700 of them: a standard deviation of sqrt(p (1 - p) / 700), 3.92 of them from end to end.
    expected = 3.92 * np.sqrt(result.value * (1 - result.value) / 700)
    assert result.high - result.low == pytest.approx(expected, rel=0.25)


def test_an_error_rate_counts_backwards() -> None:
    entries = make_entries("x", MANY)
    result = _evaluate(entries, _signal(entries, noise=8.0), **DETECTOR).result
    assert result.metrics["equal_error_rate"] == result.value
    assert result.score == 1 - result.value
    assert result.low < result.value < result.high < 0.5 == result.chance
    samples = _evaluate(entries, _signal(entries, noise=8.0), **DETECTOR).samples
    assert interval_95(samples) == pytest.approx((1 - result.high, 1 - result.low))


@pytest.mark.parametrize("metric", METRICS[:-1])
def test_every_metric_can_count(metric: Metric) -> None:
    entries = make_entries("x", MANY, FOUR)
    settings = SETTINGS.model_copy(update={"metrics": {"x": metric}})
    result = _evaluate(entries, _signal(entries, noise=8.0), settings).result
    assert (result.metric, result.value) == (metric, result.metrics[metric])
    assert result.chance < result.low < result.value < result.high


def test_test_labels_do_not_reach_the_probe() -> None:
    entries = make_entries("x", MANY, FOUR)
    embeddings = np.random.default_rng(0).normal(size=(len(entries), 64)).astype(np.float32)
    turned = [dataclasses.replace(entry, label="a") if entry.split == "test" else entry for entry in entries]
    one, two = _evaluate(entries, embeddings), _evaluate(turned, embeddings)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert one.result.validation == two.result.validation


def test_test_sounds_do_not_reach_the_probe() -> None:
    entries = make_entries("x", MANY, FOUR)
    embeddings = _signal(entries, noise=8.0)
    tested = [entry.sound for entry in entries if entry.split == "test"]
    kept, moved = tested[:200], embeddings.copy()
    moved[tested[200:]] += 50
    one, two = _evaluate(entries, embeddings), _evaluate(entries, moved)
    assert one.result.validation == two.result.validation
    order = [index for index, clip in enumerate(one.tested) if clip.sound in kept]
    assert one.probabilities[order] == pytest.approx(two.probabilities[order], abs=1e-6)


def test_speaker_normalisation_uses_no_statistic_of_test_speakers() -> None:
    strict = StrictProtocol(speaker_normalisation="train", min_test_speakers=4)
    settings = SETTINGS.model_copy(update={"strict": strict})
    entries = make_entries("x", MANY, FOUR, speakers=5)
    embeddings = _signal(entries, noise=8.0)
    one = _evaluate(entries, embeddings, settings)
    # One clip of each test speaker moves; the answers for the others do not.
    moved = embeddings.copy()
    moved[[entry.sound for entry in entries if entry.split == "test"][:5]] += 1000
    two = _evaluate(entries, moved, settings)
    assert one.probabilities[5:] == pytest.approx(two.probabilities[5:], abs=1e-6)
    off = _evaluate(
        entries, embeddings, SETTINGS.model_copy(update={"strict": StrictProtocol(min_test_speakers=4)})
    )
    assert np.abs(one.probabilities - off.probabilities).max() > 0.01
    # Where the speaker is what is asked, it would take the answer away.
    asked = _evaluate(entries, embeddings, settings, speaker="label")
    plain = _evaluate(entries, embeddings, speaker="label")
    np.testing.assert_array_equal(asked.probabilities, plain.probabilities)


def test_speakers_widen_the_interval() -> None:
    entries = make_entries("x", MANY, ("a", "b"), speakers=5)
    embeddings = _signal(entries)
    wrong = [e.sound for e in entries if e.split == "test" and e.speaker_id in ("s0", "s1")]
    embeddings[wrong] = embeddings[wrong][:, ::-1]
    known = _evaluate(entries, embeddings, ONCE).result
    nameless = [dataclasses.replace(entry, speaker_id="") for entry in entries]
    unknown = _evaluate(nameless, embeddings, ONCE).result
    assert (known.n_speakers_test, unknown.n_speakers_test) == (5, 0)
    assert known.value == unknown.value
    assert known.high - known.low > 2 * (unknown.high - unknown.low)


def test_models_share_their_draws() -> None:
    """A model that is wrong on one clip more, and the same otherwise, is surely the worse one or equal."""
    entries = make_entries("x", MANY, ("a", "b"))
    embeddings = _signal(entries)
    worse = embeddings.copy()
    worse[[entry.sound for entry in entries if entry.split == "test"][:8]] *= -1
    one, two = _evaluate(entries, embeddings), _evaluate(entries, worse)
    assert two.result.value < one.result.value
    low, high = paired_interval(two.samples, one.samples)
    assert low < high <= 0
    assert (two.samples <= one.samples).all()
    np.testing.assert_array_equal(one.samples, _evaluate(entries, embeddings).samples)


def test_draws_without_a_class_do_not_break_the_interval() -> None:
    # One of six clips is positive: a drawn set lacks it with a chance of (5 / 6) ** 6 = 0.33.
    entries = make_entries("x", {"train": 20, "validation": 20, "test": 6})
    entries = [
        dataclasses.replace(entry, label="b" if entry.clip_id.endswith("0") else "a")
        if entry.split == "test"
        else entry
        for entry in entries
    ]
    assert np.isfinite(_evaluate(entries, _signal(entries, noise=8.0), **DETECTOR).samples).all()


def test_a_test_split_that_cannot_be_measured_is_named() -> None:
    entries = [
        dataclasses.replace(entry, label="a") if entry.split == "test" else entry
        for entry in make_entries("x", MANY)
    ]
    with pytest.raises(ValueError, match="task 'x': auc is not defined on its test clips"):
        _evaluate(entries, _signal(entries), metric="auc")


def test_a_class_of_test_alone_counts_as_missed() -> None:
    entries = make_entries("x", MANY, ("a", "b"))
    embeddings = _signal(entries)
    odd = [dataclasses.replace(entry, label="z") for entry in entries if entry.split == "test"][:100]
    rest = [entry for entry in entries if entry.clip_id not in {clip.clip_id for clip in odd}]
    result = _evaluate(rest + odd, embeddings).result
    assert result.value == 0.75
    assert result.n_classes == 3


def test_a_fitted_run_scores_other_embeddings_of_its_clips() -> None:
    entries = make_entries("x", MANY, FOUR)
    embeddings = _signal(entries)
    (run,) = _evaluate(entries, embeddings).probes
    own = embeddings[[clip.sound for clip in run.tested]]
    assert run.score(own) == run.run.value == 1.0
    # Every fourth clip takes the place of the next class.
    own[::4] = np.roll(own[::4], 1, axis=1)
    assert run.score(own) == 0.75


def test_huge_tasks_say_what_was_left_out() -> None:
    entries = make_entries("x", MANY, FOUR)
    settings = SETTINGS.model_copy(update={"strict": StrictProtocol(linear_limit=100, seeds=1)})
    (run,) = _evaluate(entries, _signal(entries), settings).result.runs
    assert run.left_out == ["linear"]
    assert run.probe != "linear"
