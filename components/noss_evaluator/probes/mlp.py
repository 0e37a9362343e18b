"""A perceptron with one hidden layer of rectified linear units and an L2 penalty, along a path of penalties.

It minimises the mean log loss plus the squared weights times ``1 / (2 C n)`` by L-BFGS (Liu and Nocedal,
Mathematical Programming 45, 1989), from He's initialisation (arXiv 1502.01852) with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from components.noss_evaluator.probes.candidate import Candidate, Linear
from components.noss_evaluator.probes.scaling import Matrix

_MAX_STEPS = 100

Indices = np.ndarray[Any, np.dtype[np.intp]]
Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Mlp:
    """Class probabilities by a hidden layer, ``(dim, hidden)`` and ``(hidden,)``, and a linear map of it."""

    weights: Matrix
    biases: Matrix
    output: Linear

    def __call__(self, scaled: Matrix) -> Matrix:
        """Probabilities ``(n, classes)`` of standardised embeddings ``(n, dim)``."""
        return self.output(np.maximum(scaled @ self.weights + self.biases, np.float32(0)))


def fit_mlp(
    train: Matrix, labels: Indices, classes: int, validation: Matrix, c_grid: Sequence[float], hidden: int
) -> list[Candidate]:
    """A candidate for each C of a rising grid.

    Args:
      train: Standardised, ``(n, dim)``.
      labels: Index of each clip's class, ``(n,)``.
      classes: How many there are, whether in train or not.
      validation: Standardised, ``(m, dim)``.
      c_grid: Inverse strengths of the penalty, as of the linear probe.
      hidden: Hidden units.
    """
    there, own = np.unique(labels, return_inverse=True)
    candidates = []
    for c in c_grid:
        weights, biases, out, out_biases = _minimise(train, own, len(there), hidden, c)
        network = Mlp(
            weights.astype(np.float32), biases.astype(np.float32), Linear.of(out, out_biases, there, classes)
        )
        candidates.append(Candidate("mlp", c, network, network(validation)))
    return candidates


def _minimise(clips: Matrix, labels: Indices, classes: int, hidden: int, c: float) -> list[Vector]:
    n, dim = clips.shape
    shapes = [(dim, hidden), (hidden,), (hidden, classes), (classes,)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    generator = np.random.default_rng(0)
    start = np.zeros(ends[-1])
    start[: ends[0]] = generator.normal(0, np.sqrt(2 / dim), ends[0])
    start[ends[1] : ends[2]] = generator.normal(0, np.sqrt(2 / hidden), hidden * classes)
    truth, penalty = np.eye(classes)[labels], 1 / (c * n)

    def split(flat: Vector) -> list[Vector]:
        parts = np.split(flat, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def loss(flat: Vector) -> tuple[float, Vector]:
        weights, biases, out, out_biases = split(flat)
        before = clips @ weights.astype(np.float32) + biases
        units = np.maximum(before, 0)
        said = softmax(units @ out + out_biases, axis=1)
        of_label = np.maximum(said[np.arange(n), labels], 1e-30)
        squares = float(np.square(weights).sum() + np.square(out).sum())
        error = (said - truth) / n
        back = (error @ out.T) * (before > 0)
        gradient = [
            (clips.T @ back.astype(np.float32)) + penalty * weights,
            back.sum(axis=0),
            units.T @ error + penalty * out,
            error.sum(axis=0),
        ]
        total = float(-np.log(of_label).mean()) + 0.5 * penalty * squares
        return total, np.concatenate([part.ravel() for part in gradient])

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS})
    return split(found.x)
