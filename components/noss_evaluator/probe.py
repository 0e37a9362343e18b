"""The linear probe: how much of a label a straight cut through the embedding finds.

Multinomial logistic regression with an L2 penalty on standardised embeddings, as in NOSS (Shor et al.,
Interspeech 2020), but with the strength of the penalty chosen on validation and never on test.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

_LOG = logging.getLogger("tinytrill.noss_evaluator")

# Newton's method with conjugate gradients: float32 and a warm start along the path from the strongest
# penalty make it some three times as fast as lbfgs at the same precision.
_SOLVER = "newton-cg"
_TOLERANCE = 1e-4
_MAX_ITERATIONS = 200
_LEAST_PROBABILITY = 1e-7

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Labels = np.ndarray[Any, np.dtype[np.str_]]


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes:
      scaler: Standardisation, fitted on train.
      model: Logistic regression, fitted on train.
      c: Inverse strength of the penalty, chosen on validation.
      validation: Accuracy on validation.
    """

    scaler: StandardScaler
    model: LogisticRegression
    c: float
    validation: float

    def probabilities(self, embeddings: Matrix, classes: Sequence[str]) -> Matrix:
        """Probability of each of ``classes``, ``(n, classes)``; 0 for one that train did not have."""
        known = self.model.predict_proba(self.scaler.transform(embeddings))
        table = np.zeros((len(embeddings), len(classes)), np.float32)
        table[:, np.searchsorted(classes, self.model.classes_)] = known
        return table


@dataclass(frozen=True)
class Fit:
    """What one C gave: accuracy and log loss on validation, and the weights."""

    c: float
    accuracy: float
    log_loss: float
    coefficients: Matrix
    intercepts: Matrix


def fit_probe(
    train: Matrix,
    train_labels: Labels,
    validation: Matrix,
    validation_labels: Labels,
    c_grid: Sequence[float],
) -> Probe:
    """Fits a probe on train for each C of a rising grid and keeps the best on validation.

    Accuracies that differ by no more than a standard error of the best one are equal as far as
    validation can tell; of these the lowest log loss decides, and then the smaller C. On a small
    validation split one clip more or less would otherwise move C by decades. Log loss alone would not
    do: it punishes certainty on new speakers, even where the answers are better.

    The probe stays the one that saw train only: after a refit on train and validation together, the C
    would belong to another problem.

    Args:
      train: ``(n, dim)``.
      train_labels: ``(n,)``, two classes or more.
      validation: ``(m, dim)``.
      validation_labels: ``(m,)``.
      c_grid: Inverse regularisations, rising.
    """
    scaler = StandardScaler().fit(train)
    x, x_validation = scaler.transform(train), scaler.transform(validation)
    model = LogisticRegression(solver=_SOLVER, tol=_TOLERANCE, max_iter=_MAX_ITERATIONS, warm_start=True)
    fits: list[Fit] = []
    for c in c_grid:
        model.set_params(C=c).fit(x, train_labels)
        if model.n_iter_.max() >= _MAX_ITERATIONS:
            _LOG.warning("the probe with C %g did not converge in %d iterations", c, _MAX_ITERATIONS)
        fits.append(
            Fit(
                c=c,
                accuracy=float(model.score(x_validation, validation_labels)),
                log_loss=_log_loss(model, x_validation, validation_labels),
                coefficients=model.coef_.copy(),
                intercepts=model.intercept_.copy(),
            )
        )
    chosen = choose(fits, len(validation_labels))
    model.set_params(C=chosen.c)
    model.coef_, model.intercept_ = chosen.coefficients, chosen.intercepts
    return Probe(scaler, model, chosen.c, chosen.accuracy)


def choose(fits: Sequence[Fit], n_validation: int) -> Fit:
    """The fit to keep, of fits in the order of their C; the rule stands at :func:`fit_probe`."""
    best = max(fit.accuracy for fit in fits)
    standard_error = math.sqrt(best * (1.0 - best) / n_validation)
    equals = [fit for fit in fits if fit.accuracy >= best - standard_error]
    return min(equals, key=lambda fit: fit.log_loss)


def _log_loss(model: LogisticRegression, embeddings: Matrix, labels: Labels) -> float:
    """Mean negative log probability of the labels; one that train did not have counts as the worst."""
    probabilities = model.predict_proba(embeddings)
    places = np.searchsorted(model.classes_, labels).clip(max=len(model.classes_) - 1)
    of_label = np.where(model.classes_[places] == labels, probabilities[np.arange(len(labels)), places], 0.0)
    return float(-np.log(np.maximum(of_label, _LEAST_PROBABILITY)).mean())
