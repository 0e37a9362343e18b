from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from components.noss_evaluator.metrics import (
    Answers,
    chance,
    d_prime,
    defined_metrics,
    guarded_auc,
    measure,
    resample,
    to_score,
)
from schemas.noss_tasks import METRICS, Metric


def _answers(truth: list[int], probabilities: list[list[float]], positive: int | None = None) -> Answers:
    return Answers(np.array(truth), np.array(probabilities, np.float32), positive)


def _detector(truth: list[int], scores: list[float]) -> Answers:
    return _answers(truth, [[1 - score, score] for score in scores], positive=1)


def _said(truth: list[int], said: list[int], classes: int) -> Answers:
    return _answers(truth, np.eye(classes)[said].tolist())


# Three clips of class 0, of which two are recognised, and one of class 1, taken for class 2.
THREE = _said([0, 0, 0, 1], [0, 0, 1, 2], classes=3)


def test_accuracy() -> None:
    assert measure("accuracy", THREE) == 2 / 4


def test_balanced_accuracy_is_over_the_classes_that_clips_have() -> None:
    # Recalls: 2/3 and 0/1; class 2 has no clip.
    assert measure("balanced_accuracy", THREE) == pytest.approx((2 / 3 + 0) / 2)


def test_macro_f1_is_over_the_classes_of_clips_and_answers() -> None:
    # 2 * right / (clips + answers): class 0 2*2/(3+2), class 1 0/(1+1), class 2 0/(0+1).
    assert measure("macro_f1", THREE) == pytest.approx((4 / 5 + 0 + 0) / 3)


def test_auc_of_a_positive_label() -> None:
    # Positive: 0.9, 0.4; negative: 0.1, 0.4, 0.6. Pairs won: 0.9 all 3; 0.4 wins over 0.1, ties with 0.4.
    answers = _detector([1, 1, 0, 0, 0], [0.9, 0.4, 0.1, 0.4, 0.6])
    assert measure("auc", answers) == pytest.approx((3 + 1.5) / 6)


def test_auc_of_several_classes_is_their_mean_against_the_rest() -> None:
    answers = _answers([0, 1, 2], [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.7, 0.2, 0.1]])
    # Class 0: 0.6 against 0.5 and 0.7: 1 of 2. Class 1: 0.2 against 0.3 and 0.2: half of one of 2.
    # Class 2: 0.1 against 0.1 and 0.3: half of one of 2.
    assert measure("auc", answers) == pytest.approx((1 / 2 + 1 / 4 + 1 / 4) / 3)


def test_equal_error_rate_where_the_steps_meet() -> None:
    # Threshold between 0.4 and 0.6: one of four positives is missed, one of four negatives is let in.
    answers = _detector([1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.3, 0.6, 0.2, 0.1, 0.05])
    assert measure("equal_error_rate", answers) == pytest.approx(0.25)


def test_equal_error_rate_between_the_steps() -> None:
    # Positive: 0.9, 0.3; negative: 0.5, 0.2, 0.1. Above 0.2: misses 0, alarms 1/3. Above 0.3: misses 1/2,
    # alarms 1/3. From (0, 1/3) straight to (1/2, 1/3) they are equal at 1/3.
    assert measure("equal_error_rate", _detector([1, 1, 0, 0, 0], [0.9, 0.3, 0.5, 0.2, 0.1])) == (
        pytest.approx(1 / 3)
    )
    # All scores equal: one step from (0, 1) to (1, 0).
    assert measure("equal_error_rate", _detector([1, 0], [0.5, 0.5])) == pytest.approx(0.5)


@pytest.mark.parametrize(("scores", "value"), [([0.9, 0.8, 0.2], 0.0), ([0.1, 0.2, 0.9], 1.0)])
def test_equal_error_rate_of_perfect_and_reversed_detectors(scores: list[float], value: float) -> None:
    assert measure("equal_error_rate", _detector([1, 1, 0], scores)) == pytest.approx(value)


def test_what_cannot_be_compared_is_nan() -> None:
    single = _detector([1, 1], [0.2, 0.3])
    assert np.isnan(measure("auc", single))
    assert np.isnan(measure("equal_error_rate", single))
    assert np.isnan(guarded_auc(single))
    with pytest.raises(ValueError, match="needs a positive label"):
        measure("equal_error_rate", THREE)


def test_the_equal_error_rate_is_defined_with_a_positive_label_only() -> None:
    assert "equal_error_rate" not in defined_metrics(THREE)
    assert defined_metrics(_detector([1, 0], [0.2, 0.3])) == list(METRICS)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # 6, 3 and 1 clips; all answers are class 0.
        ("accuracy", 0.6),
        ("balanced_accuracy", 1 / 3),
        # Class 0: 2 * 6 / (6 + 10) = 0.75, the others 0.
        ("macro_f1", 0.75 / 3),
        ("auc", 0.5),
    ],
)
def test_chance_is_the_best_constant_answer(metric: Metric, expected: float) -> None:
    truth = np.repeat([0, 1, 2], [6, 3, 1])
    assert chance(metric, truth) == pytest.approx(expected)
    constant = [measure(metric, Answers(truth, np.eye(3, dtype=np.float32)[[c] * 10])) for c in range(3)]
    assert chance(metric, truth) == pytest.approx(max(constant))


def test_chance_of_the_equal_error_rate() -> None:
    assert chance("equal_error_rate", np.array([0, 1, 1])) == 0.5
    assert measure("equal_error_rate", _detector([0, 1, 1], [0.3, 0.3, 0.3])) == 0.5


def test_only_error_rates_are_turned_round() -> None:
    assert to_score("equal_error_rate", 0.2) == 0.8
    assert [to_score(metric, 0.2) for metric in METRICS[:-1]] == [0.2] * 4


def test_d_prime() -> None:
    # Normal distributions one deviation apart: AUC = Phi(1 / sqrt(2)) = 0.76025.
    assert d_prime(0.76025) == pytest.approx(1.0, abs=1e-4)
    assert d_prime(0.5) == 0.0


def test_a_perfect_auc_is_kept_half_a_pair_below_one() -> None:
    # 2 * 3 = 6 pairs.
    assert guarded_auc(_detector([1, 1, 0, 0, 0], [0.9, 0.8, 0.3, 0.2, 0.1])) == pytest.approx(1 - 0.5 / 6)
    assert np.isfinite(d_prime(1 - 0.5 / 6))
    assert guarded_auc(_detector([1, 1, 0, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(0.5 / 6)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Answers, np.ndarray, np.ndarray]:
    """Answers with ties, clusters and multiplicities."""
    n, classes = draw(st.integers(4, 30)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probabilities = rng.integers(1, 6, (n, classes)).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    clusters = rng.integers(0, n, n)
    _, clusters = np.unique(clusters, return_inverse=True)
    multiplicities = rng.integers(0, 4, (3, clusters.max() + 1)).astype(np.float64)
    positive = 1 if classes == 2 else None
    return Answers(rng.integers(0, classes, n), probabilities, positive), clusters, multiplicities


@settings(max_examples=60, deadline=None)
@given(_cases())
def test_agrees_with_sklearn(case: tuple[Answers, np.ndarray, np.ndarray]) -> None:
    answers = case[0]
    truth, said = answers.truth, answers.predicted
    assert measure("accuracy", answers) == pytest.approx(sklearn_metrics.accuracy_score(truth, said))
    recall = sklearn_metrics.recall_score(truth, said, average=None, zero_division=0, labels=np.unique(truth))
    assert measure("balanced_accuracy", answers) == pytest.approx(recall.mean())
    assert measure("macro_f1", answers) == pytest.approx(
        sklearn_metrics.f1_score(truth, said, average="macro", zero_division=0)
    )
    assume(len(np.unique(truth)) == answers.probabilities.shape[1])
    scores = answers.probabilities if answers.positive is None else answers.probabilities[:, 1]
    classes = range(answers.probabilities.shape[1])
    expected = (
        sklearn_metrics.roc_auc_score(truth, scores)
        if answers.positive is not None
        else np.mean([sklearn_metrics.roc_auc_score(truth == c, scores[:, c]) for c in classes])
    )
    assert measure("auc", answers) == pytest.approx(expected)
    if answers.positive is not None:
        alarms, hits, _ = sklearn_metrics.roc_curve(truth, scores, drop_intermediate=False)
        # The crossing of the curve, a polygon, with the diagonal of equal errors.
        gap = (1 - hits) - alarms
        after = np.argmax(gap <= 0)
        part = gap[after - 1] / (gap[after - 1] - gap[after])
        equal = alarms[after - 1] + part * (alarms[after] - alarms[after - 1])
        assert measure("equal_error_rate", answers) == pytest.approx(equal)


@settings(max_examples=60, deadline=None)
@given(_cases(), st.sampled_from(METRICS))
def test_multiplicities_are_clips_that_are_there_several_times(
    case: tuple[Answers, np.ndarray, np.ndarray], metric: Metric
) -> None:
    answers, clusters, multiplicities = case
    assume(metric in defined_metrics(answers))
    got = resample(metric, answers, clusters, multiplicities)
    for value, row in zip(got, multiplicities.astype(int), strict=True):
        repeated = np.repeat(np.arange(len(clusters)), row[clusters])
        again = Answers(answers.truth[repeated], answers.probabilities[repeated], answers.positive)
        expected = measure(metric, again) if len(repeated) else np.nan
        assert value == pytest.approx(expected, nan_ok=True)
