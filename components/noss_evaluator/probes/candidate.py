"""A probe among those to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from components.noss_evaluator.probes.scaling import Matrix
from schemas.noss_reports import ProbeKind

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Candidate:
    """A fitted classifier.

    Attributes:
      kind: Of the probe.
      parameter: C (linear, mlp), shrinkage (lda), neighbours (knn).
      classify: Standardised embeddings ``(n, dim)`` to probabilities ``(n, classes)``.
      on_validation: Probabilities of the validation clips.
    """

    kind: ProbeKind
    parameter: float
    classify: Callable[[Matrix], Matrix]
    on_validation: Matrix


@dataclass(frozen=True)
class Linear:
    """Class probabilities by a linear map, ``(dim, classes)`` and ``(classes,)``, and softmax."""

    weights: Matrix
    biases: Matrix

    @classmethod
    def of(cls, weights: Any, biases: Any, there: Indices, classes: int) -> Linear:
        """From the map to the classes ``there``; one that is not has probability 0."""
        all_weights = np.zeros((len(weights), classes), np.float32)
        all_biases = np.full(classes, -np.inf, np.float32)
        all_weights[:, there], all_biases[there] = weights, biases
        return cls(all_weights, all_biases)

    def __call__(self, scaled: Matrix) -> Matrix:
        """Probabilities ``(n, classes)``."""
        probabilities: Matrix = softmax(scaled @ self.weights + self.biases, axis=1)
        return probabilities
