"""Probes: what a simple classifier finds of a label in an embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class FittedProbe(Protocol):
    """A classifier that was fitted on train."""

    def probabilities(self, embeddings: Matrix, classes: Sequence[str]) -> Matrix:
        """Probability of each of ``classes``, ``(n, classes)``; 0 for one that train did not have."""
        ...
