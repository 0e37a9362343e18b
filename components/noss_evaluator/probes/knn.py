"""Nearest neighbours by the cosine of standardised embeddings; each votes with its similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.noss_evaluator.probes.candidate import Candidate
from components.noss_evaluator.probes.scaling import Matrix

_CELLS_AT_ONCE = 16_000_000
# A neighbour that points elsewhere still has a vote, so that there always is one.
_LEAST_VOTE = 1e-6

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class NearestNeighbours:
    """Train's embeddings of length 1 ``(n, dim)``, the classes' indices, and how many neighbours vote."""

    directions: Matrix
    labels: Indices
    classes: int
    neighbours: int

    def __call__(self, scaled: Matrix) -> Matrix:
        """Shares of the vote, ``(n, classes)``."""
        (table,) = votes(self.directions, self.labels, self.classes, [self.neighbours], scaled)
        return table


def fit_knn(
    train: Matrix, labels: Indices, classes: int, validation: Matrix, neighbours: Sequence[int]
) -> list[Candidate]:
    """A candidate for each number of neighbours that train has, the most (the smoothest) first."""
    directions = _directions(train)
    numbers = sorted({min(number, len(train)) for number in neighbours}, reverse=True)
    tables = votes(directions, labels, classes, numbers, validation)
    return [
        Candidate("knn", number, NearestNeighbours(directions, labels, classes, number), table)
        for number, table in zip(numbers, tables, strict=True)
    ]


def votes(
    directions: Matrix, labels: Indices, classes: int, numbers: Sequence[int], scaled: Matrix
) -> list[Matrix]:
    """Shares of the vote for each number of neighbours, each ``(n, classes)``."""
    tables = [np.zeros((len(scaled), classes), np.float32) for _ in numbers]
    queries, most = _directions(scaled), max(numbers)
    rows_at_once = max(1, _CELLS_AT_ONCE // len(directions))
    for start in range(0, len(queries), rows_at_once):
        similarity: Matrix = queries[start : start + rows_at_once] @ directions.T
        rows = np.arange(len(similarity))[:, None]
        nearest = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        # Among equals the first clip of train is the nearer one, whatever the partition's order.
        nearest.sort(axis=1)
        nearest = nearest[rows, np.argsort(-similarity[rows, nearest], axis=1, kind="stable")]
        weights = np.maximum(similarity[rows, nearest], _LEAST_VOTE)
        for table, number in zip(tables, numbers, strict=True):
            np.add.at(table, (start + rows, labels[nearest[:, :number]]), weights[:, :number])
    return [table / table.sum(axis=1, keepdims=True) for table in tables]


def _directions(scaled: Matrix) -> Matrix:
    length = np.linalg.norm(scaled, axis=1, keepdims=True).astype(np.float32)
    directions: Matrix = scaled / np.maximum(length, np.float32(1e-20))
    return directions
