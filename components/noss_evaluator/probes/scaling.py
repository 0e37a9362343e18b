"""Standardisation of embeddings by what train knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each dimension, ``(dim,)``."""

    mean: Matrix
    deviation: Matrix

    def __call__(self, embeddings: Matrix) -> Matrix:
        """Standardises ``(n, dim)``."""
        scaled: Matrix = (embeddings - self.mean) / self.deviation
        return scaled


def fit_scaling(embeddings: Matrix) -> Scaling:
    """Statistics of ``(n, dim)``; a dimension that never changes is left as wide as it is."""
    mean = embeddings.mean(axis=0, dtype=np.float64)
    deviation = embeddings.std(axis=0, dtype=np.float64)
    # What float32 rounding leaves of a constant is not a deviation.
    deviation[deviation <= 1e-6 * np.abs(mean)] = 1.0
    return Scaling(mean.astype(np.float32), deviation.astype(np.float32))


def scale_by_speaker(embeddings: Matrix, speakers: Sequence[str]) -> Matrix:
    """Standardises each speaker by their own statistics, ``(n, dim)``; the empty id counts as one."""
    _, index = np.unique(np.array(speakers), return_inverse=True)
    scaled = np.empty_like(embeddings)
    for speaker in range(int(index.max()) + 1):
        own = index == speaker
        scaled[own] = fit_scaling(embeddings[own])(embeddings[own])
    return scaled
