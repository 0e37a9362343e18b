from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from components.noss_evaluator.probes import linear as linear_module
from components.noss_evaluator.probes.candidate import Candidate
from components.noss_evaluator.probes.choice import affordable, choose, fit_candidates
from components.noss_evaluator.probes.fitted import FittedProbe, fit_probe
from components.noss_evaluator.probes.knn import fit_knn
from components.noss_evaluator.probes.lda import lda
from components.noss_evaluator.probes.linear import fit_linear
from components.noss_evaluator.probes.scaling import fit_scaling, scale_by_speaker
from components.noss_evaluator.settings import StrictProtocol
from schemas.noss_reports import ProbeKind

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def _blobs(n: int, dim: int, classes: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes in places of their own, in dimensions of very different width that are mixed up."""
    rng = np.random.default_rng(1)
    width = np.linspace(0.1, 5, dim)
    mixing = rng.normal(0, 1, (dim, dim)) / np.sqrt(dim)
    centres = rng.normal(0, 1, (classes, dim)) * width
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    x = centres[labels] + rng.normal(0, noise, (n, dim)) * width
    return (x @ mixing).astype(np.float32), labels


def _scaled(
    n: int, dim: int, classes: int, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    (train, labels), (test, truth) = (_blobs(n, dim, classes, noise, seed) for seed in (2, 3))
    scaling = fit_scaling(train)
    return scaling(train), labels, scaling(test), truth


def test_scaling_is_the_standard_one() -> None:
    train, _ = _blobs(50, 8, 2, 1.0, 0)
    train[:, 3] = 0.1
    expected = StandardScaler().fit_transform(train.astype(np.float64))
    got = fit_scaling(train)(train)
    assert got.dtype == np.float32
    assert got == pytest.approx(expected, abs=1e-5)


def test_each_speaker_is_scaled_alone() -> None:
    # Speaker a: 1 and 3, mean 2, deviation 1. Speaker b: 10 alone, never changes. Unknown: 0 and 4.
    vectors = np.array([[1], [0], [10], [3], [4]], np.float32)
    assert scale_by_speaker(vectors, ["a", "", "b", "a", ""]).tolist() == [[-1], [-1], [0], [1], [1]]


@pytest.mark.parametrize(("n", "dim", "classes"), [(300, 40, 4), (60, 200, 3), (120, 20, 2), (40, 90, 2)])
def test_linear_agrees_with_sklearn(n: int, dim: int, classes: int) -> None:
    train, labels, test, truth = _scaled(n, dim, classes, noise=3.0)
    for candidate in fit_linear(train, labels, classes, test, GRID):
        plain = LogisticRegression(C=candidate.parameter, tol=1e-8, max_iter=10_000)
        plain.fit(train.astype(np.float64), labels)
        expected = plain.predict_proba(test.astype(np.float64))
        got = candidate.on_validation
        assert np.abs(got - expected).max() < 0.03
        assert abs((got.argmax(1) == truth).mean() - (expected.argmax(1) == truth).mean()) <= 0.002 + 1 / n
        np.testing.assert_array_equal(candidate.classify(test), got)


def test_linear_goes_on_to_the_optimum_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_module, "_LEAST_GAIN", 1e-10)
    for n, dim, classes in [(300, 40, 4), (60, 200, 3), (120, 20, 2)]:
        train, labels, test, _ = _scaled(n, dim, classes, noise=3.0)
        for candidate in fit_linear(train, labels, classes, test, GRID):
            plain = LogisticRegression(C=candidate.parameter, tol=1e-10, max_iter=10_000)
            expected = plain.fit(train.astype(np.float64), labels).predict_proba(test.astype(np.float64))
            assert candidate.on_validation == pytest.approx(expected, abs=1e-3)


def test_a_linear_probe_that_does_not_converge_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(linear_module, "_MAX_STEPS", 1)
    train, labels, test, _ = _scaled(60, 10, 3, noise=3.0)
    with caplog.at_level("WARNING", logger="tinytrill.noss_evaluator"):
        fit_linear(train, labels, 3, test, [10.0])
    assert "C 10 did not converge in 1 steps" in caplog.text


@pytest.mark.filterwarnings("ignore:Only one sample")
@pytest.mark.parametrize(("n", "dim", "classes"), [(400, 40, 4), (60, 200, 3), (90, 90, 2), (30, 200, 20)])
def test_lda_agrees_with_sklearn(n: int, dim: int, classes: int) -> None:
    train, labels, test, _ = _scaled(n, dim, classes, noise=3.0)
    there = np.unique(labels)
    plain = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(train.astype(np.float64), labels)
    got, shrinkage = lda(train, labels, classes)
    expected = plain.predict_proba(test.astype(np.float64))
    assert got(test)[:, there] == pytest.approx(expected, abs=1e-4)
    assert 0 < shrinkage < 1


def test_lda_bears_dimensions_that_never_change() -> None:
    train, labels, test, truth = _scaled(100, 10, 2, noise=0.3)
    train[:, 4:], test[:, 4:] = 0.0, 0.0
    got = lda(train, labels, 2)[0](test)
    assert np.isfinite(got).all()
    assert (got.argmax(axis=1) == truth).mean() > 0.9


def test_knn_votes_with_the_cosine() -> None:
    # Directions of train: 0, 90 and 180 degrees; asked: 60 degrees, at any length. Cosines: 0.5, 0.866, -0.5.
    train = np.array([[2, 0], [0, 3], [-1, 0]], np.float32)
    asked = 7 * np.array([[0.5, np.sqrt(0.75)]], np.float32)
    three, one = fit_knn(train, np.array([0, 1, 2]), 4, asked, [1, 3])
    assert (one.parameter, three.parameter) == (1, 3)
    assert one.on_validation.tolist() == [[0, 1, 0, 0]]
    total = 0.5 + np.sqrt(0.75)
    assert three.on_validation[0] == pytest.approx([0.5 / total, np.sqrt(0.75) / total, 0, 0], abs=1e-5)
    np.testing.assert_array_equal(three.classify(asked), three.on_validation)


def test_knn_asks_no_more_neighbours_than_there_are_and_the_first_of_equals() -> None:
    train = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    most, one = fit_knn(train, np.array([1, 0, 0]), 2, train[:1], [1, 5, 15])
    assert (most.parameter, one.parameter) == (3, 1)
    assert one.on_validation.tolist() == [[0, 1]]


def test_knn_of_many_goes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels, test, _ = _scaled(50, 8, 3, noise=3.0)
    (whole,) = fit_knn(train, labels, 3, test, [5])
    monkeypatch.setattr("components.noss_evaluator.probes.knn._CELLS_AT_ONCE", 50 * 7)
    assert fit_knn(train, labels, 3, test, [5])[0].on_validation == pytest.approx(whole.on_validation)


def _candidate(parameter: float, right: int, certainty: float, kind: ProbeKind = "linear") -> Candidate:
    """Of 100 clips of class 0: ``right`` are given ``certainty`` in it, the others 1 - certainty."""
    of_label = np.where(np.arange(100) < right, certainty, 1 - certainty)
    table = np.stack([of_label, 1 - of_label], axis=1).astype(np.float32)
    return Candidate(kind, parameter, lambda x: x, table)


ZEROS = np.zeros(100, np.intp)


def test_clearly_better_accuracy_decides() -> None:
    # The best is 0.9 of 100, its standard error sqrt(0.9 * 0.1 / 100) = 0.03: 0.8 is not an equal, though its
    # log loss, 0.8 * ln 1/0.7 + 0.2 * ln 1/0.3 = 0.53, is below 0.9 * ln 1/0.999 + 0.1 * ln 1/0.001 = 0.69.
    candidates = [_candidate(0.1, 80, 0.7), _candidate(1.0, 90, 0.999)]
    chosen = choose(candidates, ZEROS, "accuracy")
    assert (chosen.candidate.parameter, chosen.validation) == (1.0, 0.9)


def test_of_equal_accuracies_the_lower_log_loss_decides_whatever_the_kind() -> None:
    # 0.88 lies within 0.03 of 0.9: 0.88 * ln 1/0.9 + 0.12 * ln 1/0.1 = 0.37, of the other 0.69 as above.
    candidates = [_candidate(0.1, 90, 0.999), _candidate(5, 88, 0.9, "knn")]
    assert choose(candidates, ZEROS, "accuracy").candidate.kind == "knn"


def test_of_equal_ones_the_simpler() -> None:
    candidates = [_candidate(0.1, 90, 0.9), _candidate(1.0, 90, 0.9), _candidate(5, 90, 0.9, "knn")]
    assert choose(candidates, ZEROS, "accuracy").candidate.parameter == 0.1


def test_another_metric_decides_where_it_is_the_task_s() -> None:
    # 90 clips of class 0, 10 of class 1. One says 0 always: accuracy 0.9, balanced accuracy 0.5. The other
    # misses 15 of class 0 and knows all of class 1: 0.85 and (75 / 90 + 1) / 2 = 0.92.
    truth = np.repeat([0, 1], [90, 10])
    always = Candidate("linear", 0.1, lambda x: x, np.tile(np.array([0.9, 0.1], np.float32), (100, 1)))
    said = np.where(np.arange(100) < 15, 1, truth)
    fair = Candidate("linear", 1.0, lambda x: x, np.array([[0.9, 0.1], [0.1, 0.9]], np.float32)[said])
    assert choose([always, fair], truth, "accuracy").candidate is always
    chosen = choose([always, fair], truth, "balanced_accuracy")
    assert chosen.candidate is fair
    assert chosen.validation == pytest.approx((75 / 90 + 1) / 2)


def test_an_error_rate_is_the_better_the_smaller() -> None:
    truth = np.tile([0, 1], 50)
    good, bad = (np.where(truth == 1, high, 1 - high) for high in (0.9, 0.4))
    candidates = [
        Candidate("linear", i, lambda x: x, np.stack([1 - scores, scores], axis=1).astype(np.float32))
        for i, scores in enumerate((bad, good))
    ]
    chosen = choose(candidates, truth, "equal_error_rate", positive=1)
    assert (chosen.candidate.parameter, chosen.validation) == (1, 0.0)


def test_a_validation_split_that_cannot_be_measured_is_named() -> None:
    with pytest.raises(ValueError, match=r"auc is not defined on validation, which holds classes \[0\] only"):
        choose([_candidate(0.1, 90, 0.9)], ZEROS, "auc")


def test_the_simpler_comes_first() -> None:
    train, labels, test, _ = _scaled(50, 8, 3, noise=3.0)
    strict = StrictProtocol()
    candidates = fit_candidates(train, labels, 3, test, strict.probes, strict)
    assert [(c.kind, c.parameter) for c in candidates if c.kind != "lda"] == [
        *(("linear", c) for c in strict.c_grid), ("knn", 15), ("knn", 5), ("knn", 1),
    ]  # fmt: skip
    assert [c.kind for c in candidates].index("lda") == len(strict.c_grid)


def test_a_huge_task_is_spared_the_linear_probe(caplog: pytest.LogCaptureFixture) -> None:
    strict = StrictProtocol()
    assert affordable(strict, 2941, 1056, 12) == ("linear", "lda", "knn")
    with caplog.at_level("WARNING", logger="tinytrill.noss_evaluator"):
        assert affordable(strict, 134_000, 2048, 1251) == ("lda", "knn")
    assert "134000 clips x 2048 dimensions x 1251 classes are 3.4e+11, linear_limit is 5.0e+09" in caplog.text
    # With no other kind it has to do.
    assert affordable(StrictProtocol(probes=("linear",)), 134_000, 2048, 1251) == ("linear",)


def _fit(strict: StrictProtocol, speakers: list[str] | None = None) -> FittedProbe:
    (train, labels), (validation, truth) = (_blobs(120, 10, 3, 2.0, seed) for seed in (2, 3))
    return fit_probe(
        train, labels, validation, truth,
        classes=4, metric="accuracy", strict=strict, train_speakers=speakers,
    )  # fmt: skip


def test_a_class_that_train_lacks_has_probability_zero() -> None:
    asked = _blobs(20, 10, 3, 2.0, 5)[0]
    kinds: list[ProbeKind] = ["linear", "lda", "knn"]
    for kind in kinds:
        probe = _fit(StrictProtocol(probes=(kind,)))
        table = probe.probabilities(asked)
        assert (probe.candidate.kind, table.shape) == (kind, (20, 4))
        assert table.dtype == np.float32
        assert (table[:, 3] == 0).all()
        assert table.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)


@pytest.mark.parametrize("kind", ["linear", "lda", "knn"])
def test_the_validation_figure_is_that_of_validation_s_clips(kind: ProbeKind) -> None:
    validation, truth = _blobs(120, 10, 3, 2.0, 3)
    probe = _fit(StrictProtocol(probes=(kind,)))
    answers = probe.probabilities(validation).argmax(axis=1)
    assert probe.validation == pytest.approx((answers == truth).mean())
    assert probe.validation < 1


def test_what_was_left_out_is_told() -> None:
    assert _fit(StrictProtocol(linear_limit=100)).left_out == ("linear",)
    assert _fit(StrictProtocol()).left_out == ()


def test_speaker_normalisation_takes_what_tells_speakers_apart_out_of_train() -> None:
    """Each training speaker is far from the others; what tells classes apart is small beside that."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(6), 40)
    labels = np.tile([0, 1], 120)
    train = rng.normal(0, 1, (240, 3)) + 200 * rng.normal(0, 1, (6, 3))[speakers]
    train[:, 0] += 4 * labels
    scaled = scale_by_speaker(train.astype(np.float32), [f"s{index}" for index in speakers])
    probe = fit_linear(scaled, labels, 2, scaled, [0.01])[0]
    assert (probe.on_validation.argmax(axis=1) == labels).mean() > 0.9
    assert _fit(StrictProtocol(), ["a", "b"] * 60).scaling.mean == pytest.approx(
        _fit(StrictProtocol()).scaling.mean
    )
