"""Mean and deviation of the targets, combined over shards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class ShardSummary:
    """What one shard of windows holds.

    Attributes:
      split: train or eval.
      index: Number of the shard.
      windows: Windows written.
      augmented: Of these, made by augmentation.
      silent: Windows left out because nothing sounds in them.
      clips: Clips with a window.
      silent_clips: Clips without one, because nothing sounds in them.
      left_out: Clips that are not to be learnt from, as :class:`schemas.ingest_reports.QuarantinedClip`.
      total: Sum of the targets in each dimension; empty if there is no window.
      squares: Sum of their squares.
      record_sum: Of the windows as they are written.
      kept_as: Key under which the shard is kept; empty: it is not.
      resumed: Whether an earlier execution had finished it.
    """

    split: str
    index: int
    windows: int = 0
    augmented: int = 0
    silent: int = 0
    clips: int = 0
    silent_clips: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    squares: list[float] = field(default_factory=list)
    record_sum: str = "0"
    kept_as: str = ""
    resumed: bool = False

    def add(self, targets: np.ndarray[Any, Any]) -> None:
        """Counts targets ``(n, dim)`` as they are stored."""
        values = targets.astype(np.float64)
        total, squares = values.sum(axis=0), np.square(values).sum(axis=0)
        self.windows += len(values)
        self.total = (total + (self.total or 0.0)).tolist()
        self.squares = (squares + (self.squares or 0.0)).tolist()


def mean_and_deviation(shards: Sequence[ShardSummary]) -> tuple[list[float], list[float]]:
    """Mean and population deviation of each dimension over shards.

    The sums are rounded once (``math.fsum``), so the order of the shards does not show. A dimension
    that never changes has the deviation 1, so that it can be divided by.
    """
    filled = [shard for shard in shards if shard.windows]
    count = sum(shard.windows for shard in filled)
    means, deviations = [], []
    totals = zip(*(shard.total for shard in filled), strict=True)
    squares = zip(*(shard.squares for shard in filled), strict=True)
    for total, square in zip(totals, squares, strict=True):
        mean, mean_square = math.fsum(total) / count, math.fsum(square) / count
        variance = mean_square - mean**2
        means.append(mean)
        # Below this the difference of the two is rounding, not variance.
        deviations.append(math.sqrt(variance) if variance > 1e-12 * mean_square else 1.0)
    return means, deviations
