"""Calibrated scores: a sigmoid a label, as MediaPipe computes it from a classifier's metadata.

Fitted after Platt (Advances in Large Margin Classifiers, 1999) on windows that the head was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from components.noss_evaluator.probes.scaling import Matrix
from schemas.head_reports import Sigmoid

Truth = np.ndarray[Any, np.dtype[np.integer[Any]]]
Wide = np.ndarray[Any, np.dtype[np.float64]]

# MediaPipe continues the logarithm below this, so that a score of 0 has one.
_LEAST = 1e-16


def calibrate(scores: Matrix, sigmoids: Sequence[Sigmoid]) -> Matrix:
    """The scores that MediaPipe gives of a file with these sigmoids.

    Args:
      scores: Of the file itself, ``(n, labels)``.
      sigmoids: One a label.

    Returns:
      ``scale / (1 + exp(-(slope * logit(score) + offset)))`` with the scale 1, ``(n, labels)``.
    """
    slopes = np.array([one.slope for one in sigmoids])
    offsets = np.array([one.offset for one in sigmoids])
    calibrated: Matrix = expit(slopes * _logit(scores) + offsets).astype(np.float32)
    return calibrated


def fit_sigmoids(scores: Matrix, truth: Truth, labels: Sequence[str]) -> list[Sigmoid]:
    """The sigmoid of each label against all others, by maximum likelihood.

    Platt's targets, ``(n + 1) / (n + 2)`` in place of 1 and ``1 / (m + 2)`` in place of 0 for n windows of
    the label and m others, keep it finite where scores separate them without a fault.

    Args:
      scores: Of windows that the head was not trained on, ``(n, labels)``.
      truth: Index of each window's label, ``(n,)``.
      labels: In the order of the scores.

    Raises:
      ValueError: If the sigmoid of a label would turn the order of its scores round.
    """
    return [_fit(_logit(scores[:, row]), truth == row, label) for row, label in enumerate(labels)]


def _fit(logits: Wide, is_label: np.ndarray[Any, np.dtype[np.bool_]], label: str) -> Sigmoid:
    of_label = int(is_label.sum())
    others = len(is_label) - of_label
    targets = np.where(is_label, (of_label + 1) / (of_label + 2), 1 / (others + 2))
    # By the largest logit: a saturated score is 37 and more, and the solver's steps are of order 1.
    unit = float(np.abs(logits).max()) or 1.0
    design = np.stack([logits / unit, np.ones_like(logits)], axis=1)

    def loss(parameters: Wide) -> tuple[float, Wide]:
        answers = design @ parameters
        value = float(np.sum(np.logaddexp(0, answers) - targets * answers))
        return value, design.T @ (expit(answers) - targets)

    found = minimize(loss, np.array([unit, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-6})
    slope, offset = float(found.x[0] / unit), float(found.x[1])
    if not slope > 0:
        raise ValueError(
            f"scores of {label!r} are no higher on its own windows than on others ({of_label} and {others} "
            "windows that the head was not trained on), so they cannot be calibrated"
        )
    # As the file tells them: with the digits that float32 has.
    return Sigmoid(slope=float(np.float32(slope)), offset=float(np.float32(offset)))


def _logit(scores: Matrix) -> Wide:
    """The logit of scores, in the arithmetic of MediaPipe's calculator."""
    logits: Wide = (_log(scores) - _log(1.0 - scores.astype(np.float64))).astype(np.float64)
    return logits


def _log(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    single = values.astype(np.float32).astype(np.float64)
    small = single < _LEAST
    logarithm = np.where(
        small,
        2 * np.log(_LEAST) - np.log(2 * _LEAST - np.where(small, single, 0)),
        np.log(np.where(small, 1, single)),
    )
    return logarithm.astype(np.float32)
