from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from components.noss_evaluator.probe import Fit, choose, fit_probe

GRID = (1e-4, 1e-3, 1e-2, 1e-1)


def _blobs(n: int, dim: int, classes: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    centres = np.random.default_rng(1).normal(0, 1, (classes, dim)) * np.linspace(0.1, 5, dim)
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    x = centres[labels] + rng.normal(0, noise, (n, dim)) * np.linspace(0.1, 5, dim)
    return x.astype(np.float32), np.array([f"c{label}" for label in labels])


def _fit(c: float, accuracy: float, log_loss: float) -> Fit:
    return Fit(c, accuracy, log_loss, np.empty(0, np.float32), np.empty(0, np.float32))


@pytest.mark.parametrize(("n", "dim", "classes"), [(300, 40, 4), (60, 200, 3), (120, 20, 2)])
def test_agrees_with_plain_sklearn(n: int, dim: int, classes: int) -> None:
    train, validation, test = (_blobs(n, dim, classes, noise=3.0, seed=seed) for seed in (2, 3, 4))
    probe = fit_probe(*train, *validation, GRID)

    scaler = StandardScaler().fit(train[0].astype(np.float64))
    plain = LogisticRegression(C=probe.c, tol=1e-8, max_iter=10_000)
    plain.fit(scaler.transform(train[0].astype(np.float64)), train[1])
    expected = plain.predict_proba(scaler.transform(test[0].astype(np.float64)))
    got = probe.probabilities(test[0], plain.classes_.tolist())
    assert np.abs(got - expected).max() < 0.01
    assert (got.argmax(1) == expected.argmax(1)).mean() > 0.99
    assert probe.validation == pytest.approx(
        plain.score(scaler.transform(validation[0].astype(np.float64)), validation[1]), abs=1 / n
    )


def test_clearly_better_accuracy_decides() -> None:
    # The best is 0.9 of 100, its standard error sqrt(0.9 * 0.1 / 100) = 0.03: 0.8 is no equal.
    assert choose([_fit(0.1, 0.8, 0.1), _fit(1.0, 0.9, 0.5)], n_validation=100).c == 1.0


def test_of_equal_accuracies_the_lower_log_loss_decides() -> None:
    # 0.88 lies within 0.03 of 0.9.
    fits = [_fit(0.01, 0.86, 0.1), _fit(0.1, 0.88, 0.3), _fit(1.0, 0.9, 0.5)]
    assert choose(fits, n_validation=100).c == 0.1


def test_of_equal_ones_the_smaller_c() -> None:
    assert choose([_fit(0.1, 1.0, 0.2), _fit(1.0, 1.0, 0.2)], n_validation=10).c == 0.1


def test_the_kept_weights_are_those_of_the_chosen_c() -> None:
    # Noise: the path goes on to ever worse fits after the one that is chosen.
    train, validation = (_blobs(120, 50, 3, noise=12.0, seed=seed) for seed in (5, 6))
    probe = fit_probe(*train, *validation, (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0))
    alone = fit_probe(*train, *validation, (probe.c,))
    assert probe.c < 10.0
    classes = ["c0", "c1", "c2"]
    assert probe.probabilities(validation[0], classes) == pytest.approx(
        alone.probabilities(validation[0], classes), abs=0.01
    )


def test_a_class_that_train_lacks_has_probability_zero() -> None:
    train, validation = (_blobs(60, 10, 2, noise=1.0, seed=seed) for seed in (7, 8))
    probe = fit_probe(*train, validation[0], np.where(np.arange(60) == 0, "b9", validation[1]), GRID)
    table = probe.probabilities(validation[0], ["b9", "c0", "c1"])
    assert (table[:, 0] == 0).all()
    assert table.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)


def test_a_probe_that_does_not_converge_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("components.noss_evaluator.probe._MAX_ITERATIONS", 1)
    train, validation = (_blobs(60, 10, 3, noise=3.0, seed=seed) for seed in (9, 10))
    with caplog.at_level("WARNING", logger="tinytrill.noss_evaluator"), pytest.warns(UserWarning):
        fit_probe(*train, *validation, (10.0,))
    assert "C 10 did not converge in 1 iterations" in caplog.text
