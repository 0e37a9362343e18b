"""Which points are beaten, by whom, and which make the frontier.

Figures are noisy, so an axis has a *margin*: a difference up to it does not count. With k axes,
**A beats B** if

* on at least one axis A is *clearly better*: by more than the margin, and their measured intervals
  (where the axis has them) do not touch; and
* on every other axis A is *no worse*: behind by at most margin / (k - 1).

With two axes a point may thus win one by more than the margin while it loses the other by no more than
the margin. All margins zero and no intervals: the ordinary Pareto dominance.

Such a relation is not transitive: a chain of near ties may lead far away. Two properties make it sound.

* *No cycles.* Let a point's merit be the sum over the axes of value / margin. A winner gains more than 1 and
  loses at most (k - 1) / (k - 1), so merit strictly rises from the beaten to the winner. (This needs one
  margin for all points of an axis. With a margin for each pair cycles exist, and a frontier could be empty.)
  Axes with margin zero come first, in lexicographic order: nothing may be lost there.
* *The frontier is the kernel.* Points are taken in falling merit; a point that no frontier point beats joins
  the frontier. So the frontier is never empty, no frontier point beats another, and every loser is beaten
  *directly* by the frontier points it names: what was cut has a replacement that is clearly better on one
  axis and within the margin on the others. A point whose only winners are losers themselves stays.

Positions are integers, 720,720 to a margin, so comparisons are exact. Sorting takes O(n log n), the rest
one vectorised comparison with the frontier so far for each point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

# Highly composite, so that simple fractions of a margin are whole steps.
STEPS_PER_MARGIN = 720_720
LARGEST_POSITION = 2**50


@dataclass(frozen=True)
class Axis:
    """One figure of all points.

    Attributes:
      name: For messages.
      values: ``(n,)``; must be finite, and above zero if ``relative``.
      margin: Difference that does not count, in the axis' unit, or a share of the value if ``relative``.
      low: Lower ends ``(n,)`` of the measured intervals, or None for a figure without one.
      high: Upper ends ``(n,)``.
      larger_is_better: Direction.
      relative: Compare ratios instead of differences.
    """

    name: str
    values: Sequence[float] | Floats
    margin: float = 0.0
    low: Sequence[float] | Floats | None = None
    high: Sequence[float] | Floats | None = None
    larger_is_better: bool = True
    relative: bool = False


@dataclass(frozen=True)
class Dominance:
    """The result: for each point its frontier winners (best merit first), empty on the frontier."""

    beaten_by: tuple[tuple[int, ...], ...]

    @property
    def frontier(self) -> list[int]:
        """Indices of the frontier's points, ascending."""
        return [index for index, winners in enumerate(self.beaten_by) if not winners]


class Comparison:
    """Pairwise comparison of points on all axes.

    Raises:
      ValueError: If a figure is not finite, has the wrong sign for a relative axis, lies outside its own
        interval, or axes differ in length.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        if not axes:
            raise ValueError("dominance needs at least one axis")
        oriented = [_oriented(axis) for axis in axes]
        lengths = {len(values) for values, _, _ in oriented}
        if len(lengths) != 1:
            raise ValueError(f"all axes must have the same number of points, got {sorted(lengths)}")
        positions = [_positions(axis, values) for axis, (values, _, _) in zip(axes, oriented, strict=True)]
        self.position: Integers = np.stack(positions, axis=1)
        self.low: Floats = np.stack([low for _, low, _ in oriented], axis=1)
        self.high: Floats = np.stack([high for _, _, high in oriented], axis=1)
        # On an axis without margin a position is a rank: any step is clear, none may be lost.
        self.exact: Bools = np.array([axis.margin == 0 for axis in axes])
        self._clear = np.where(self.exact, 0, STEPS_PER_MARGIN)
        self._others = max(len(axes) - 1, 1)

    def __len__(self) -> int:
        return len(self.position)

    def beats(self, winners: Integers, loser: int) -> Bools:
        """Which of ``winners`` ``(m,)`` beat ``loser``."""
        gain = self.position[winners] - self.position[loser]
        better = (gain > self._clear) & (self.low[winners] > self.high[loser])
        no_worse = gain * self._others >= -self._clear
        result: Bools = better.any(axis=1) & (no_worse | better).all(axis=1)
        return result

    def ties(self, others: Integers, point: int) -> Bools:
        """Which of ``others`` cannot be told apart from ``point`` on any axis."""
        gain = np.abs(self.position[others] - self.position[point])
        apart = (self.low[others] > self.high[point]) | (self.low[point] > self.high[others])
        result: Bools = ~((gain > self._clear) & apart).any(axis=1)
        return result

    def by_merit(self) -> Integers:
        """All points, best merit first; a point never stands before one that beats it."""
        merit = self.position[:, ~self.exact].sum(axis=1)
        exact = self.position[:, self.exact]
        keys = (-merit, *(-exact[:, column] for column in reversed(range(exact.shape[1]))))
        return np.lexsort(keys).astype(np.int64)


def find_frontier(comparison: Comparison) -> Dominance:
    """The frontier of all points, and who beats each of the others."""
    beaten_by: list[tuple[int, ...]] = [()] * len(comparison)
    frontier = np.empty(len(comparison), dtype=np.int64)
    size = 0
    for point in comparison.by_merit():
        candidates = frontier[:size]
        winners = candidates[comparison.beats(candidates, int(point))]
        if len(winners):
            beaten_by[point] = tuple(int(winner) for winner in winners)
        else:
            frontier[size] = point
            size += 1
    return Dominance(tuple(beaten_by))


def thin_ties(comparison: Comparison, frontier: Sequence[int], preference: Sequence[float]) -> dict[int, int]:
    """Picks one of each group of frontier points that cannot be told apart.

    Args:
      comparison: All points.
      frontier: The frontier's points.
      preference: For every point; of tied ones the smallest stays.

    Returns:
      The points to leave out, each with the tied point that stays in its place.
    """
    kept: list[int] = []
    replaced: dict[int, int] = {}
    for point in sorted(frontier, key=lambda index: (preference[index], index)):
        tied = np.array(kept, dtype=np.int64)[comparison.ties(np.array(kept, dtype=np.int64), point)]
        if len(tied):
            replaced[point] = int(tied[0])
        else:
            kept.append(point)
    return replaced


def _oriented(axis: Axis) -> tuple[Floats, Floats, Floats]:
    """Values, lower and upper ends, such that larger is better."""
    values = np.asarray(axis.values, dtype=np.float64)
    low = values if axis.low is None else np.asarray(axis.low, dtype=np.float64)
    high = values if axis.high is None else np.asarray(axis.high, dtype=np.float64)
    if not axis.margin >= 0:
        raise ValueError(f"margin of axis {axis.name!r} is {axis.margin}; accepted: 0 or more")
    for end in (values, low, high):
        bad = np.flatnonzero(~np.isfinite(end))
        if len(bad):
            raise ValueError(
                f"axis {axis.name!r}: point {bad[0]} is {end[bad[0]]}; only finite figures compete"
            )
    if axis.relative and (low <= 0).any():
        bad = np.flatnonzero(low <= 0)
        raise ValueError(f"axis {axis.name!r}: point {bad[0]} is {low[bad[0]]}; a ratio needs more than 0")
    outside = np.flatnonzero((low > values) | (values > high))
    if len(outside):
        at = outside[0]
        raise ValueError(
            f"axis {axis.name!r}: point {at} is {values[at]}, outside its interval {low[at]} to {high[at]}"
        )
    if axis.larger_is_better:
        return values, low, high
    return -values, -high, -low


def _positions(axis: Axis, values: Floats) -> Integers:
    """Oriented values as integers: ranks without a margin, else in steps of the margin."""
    if axis.margin == 0:
        return np.unique(values, return_inverse=True)[1].astype(np.int64).reshape(len(values))
    if axis.relative:
        scaled = np.sign(values) * np.log(np.abs(values)) / np.log1p(axis.margin)
    else:
        scaled = values / axis.margin
    if len(scaled) and np.abs(scaled).max() * STEPS_PER_MARGIN > LARGEST_POSITION:
        raise ValueError(f"margin {axis.margin} of axis {axis.name!r} is too fine for its figures; use 0")
    return np.rint(scaled * STEPS_PER_MARGIN).astype(np.int64)
