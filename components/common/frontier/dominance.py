"""Which points are beaten, by whom, and which make the frontier.

Figures are noisy, so an axis has a *margin*: a difference up to it does not count. With k axes,
**A beats B** if

* on at least one axis A is *clearly better*: it leads by more than the margin, and the difference is no
  chance: the measured intervals (where the axis has them) do not touch; and
* on every axis A is *not worse*: it is behind by at most margin / (k - 1), and it is shown to be
  *non-inferior*: at the one-sided 95 % bound of the difference it is behind by at most the margin.

So noise protects: a point whose figures are too uncertain to be told from a winner's stays on the frontier,
and fewer clips give a longer frontier, never a shorter one. (Judging "not shown to be worse" as "as good"
does the opposite.)

Where both points have bootstrap draws, which are of the same clips for all points, the standard deviation of
the difference of the draws decides, times ``Axis.critical`` for a lead and 1.645 for the bound. Where both
were timed in the same rounds of at least two sessions, these decide: the difference round by round and its
standard error over the sessions, times Student's t (two-sided for a lead, which exceeds the margin by this
difference too; one-sided for the bound). Else the two intervals do.

With two axes a point may thus win one by more than the margin while it loses the other by no more than
the margin. All margins zero and no intervals: the ordinary Pareto dominance.

Such a relation is not transitive: a chain of near ties may lead far away. Two properties make it sound.

* *No cycles.* Let a point's merit be the sum over the axes of value / margin. A winner gains more than 1 and
  loses at most (k - 1) / (k - 1), so merit strictly rises from the beaten to the winner. (This needs one
  margin for all points of an axis. With a margin for each pair cycles exist, and a frontier could be empty.
  What was measured only ever says that A does not beat B after all, so it may be the pair's own.)
  Axes with margin zero come first, in lexicographic order: nothing may be lost there.
* *The frontier is the kernel.* Points are taken in falling merit; a point that no frontier point beats joins
  the frontier. So the frontier is never empty, no frontier point beats another, and every loser is beaten
  *directly* by the frontier points it names: what was cut has a replacement that is clearly better on one
  axis and within the margin on the others. A point whose only winners are losers themselves stays. A
  relation without cycles has one kernel only, so the order of the points does not matter.

Points are taken in blocks, each compared at once with the frontier so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from components.common.frontier.scales import Axis, Bools, Integers, Scale

# Points that are taken at once, and frontier points they are compared with at once: what fits in a cache.
_BLOCK = 256
_TILE = 2048


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
        self._scales = [Scale(axis, len(axes)) for axis in axes]
        lengths = {len(scale.position) for scale in self._scales}
        if len(lengths) != 1:
            raise ValueError(f"all axes must have the same number of points, got {sorted(lengths)}")
        self._cheap_first = sorted(self._scales, key=lambda scale: scale.pairs is not None)

    def __len__(self) -> int:
        return len(self._scales[0].position)

    def beats(self, winners: Integers, losers: Integers) -> Bools:
        """``(len(winners), len(losers))``: which of ``winners`` beats which of ``losers``."""
        tiles = [self._beats(winners[i : i + _TILE], losers) for i in range(0, len(winners), _TILE)]
        return np.concatenate(tiles) if tiles else np.zeros((0, len(losers)), dtype=np.bool_)

    def ties(self, some: Integers, others: Integers) -> Bools:
        """``(len(some), len(others))``: which cannot be told apart on any axis."""
        tied = np.ones((len(some), len(others)), dtype=np.bool_)
        for scale in self._cheap_first:
            tied &= ~scale.better(some, others, tied)
            tied &= ~scale.better(others, some, tied.T).T
        return tied

    def by_merit(self) -> Integers:
        """All points, best merit first; a point never stands before one that beats it."""
        exact = [scale.position for scale in self._scales if scale.exact]
        # Where it comes to merit the exact positions are the same, so that they may be part of the sum.
        merit = np.sum([scale.position for scale in self._scales], axis=0)
        keys = (-merit, *(-position for position in reversed(exact)))
        return np.lexsort(keys).astype(np.int64)

    def _beats(self, winners: Integers, losers: Integers) -> Bools:
        result = np.ones((len(winners), len(losers)), dtype=np.bool_)
        ahead = np.zeros_like(result)
        for scale in self._scales:
            result &= scale.within(winners, losers)
            ahead |= scale.ahead(winners, losers)
        result &= ahead
        # What was measured is asked of the rows and columns that are left only.
        rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
        if len(rows):
            here = np.ix_(rows, columns)
            result[here] = self._clearly_beats(winners[rows], losers[columns], result[here])
        return result

    def _clearly_beats(self, winners: Integers, losers: Integers, asked: Bools) -> Bools:
        """Those of the ``asked`` pairs, right by their figures, that are right by their intervals too."""
        clear = np.zeros_like(asked)
        for scale in self._cheap_first:
            clear |= scale.better(winners, losers, asked & ~clear)
        for scale in self._cheap_first:
            clear &= scale.not_inferior(winners, losers, clear)
        return clear


def find_frontier(comparison: Comparison) -> Dominance:
    """The frontier of all points, and who beats each of the others."""
    return Dominance(_kernel(comparison.by_merit(), comparison.beats))


def thin_ties(comparison: Comparison, frontier: Sequence[int], preference: Sequence[float]) -> dict[int, int]:
    """Picks one of each group of frontier points that cannot be told apart.

    Args:
      comparison: All points.
      frontier: The frontier's points.
      preference: For every point; of tied ones the smallest stays.

    Returns:
      The points to leave out, each with the tied point that stays in its place.
    """
    preferred = np.array(sorted(frontier, key=lambda index: (preference[index], index)), dtype=np.int64)
    kernel = _kernel(preferred, comparison.ties)
    return {index: kernel[index][0] for index in frontier if kernel[index]}


def _kernel(order: Integers, relation: Callable[[Integers, Integers], Bools]) -> tuple[tuple[int, ...], ...]:
    """Takes points in order; one that is related to none of those that stay, stays.

    Args:
      order: The points ``(n,)``; of points 0 to the largest, those not named are not taken.
      relation: ``(m,), (n,) -> (m, n)``: whether a point that stays puts another one out. Only those that
        come before a point are asked.

    Returns:
      For each point those that stay and put it out, in their order; empty for a point that stays.
    """
    out: list[tuple[int, ...]] = [()] * (int(order.max()) + 1 if len(order) else 0)
    staying = np.empty(len(order), dtype=np.int64)
    size = 0
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        before = relation(staying[:size], block)
        inside = np.triu(relation(block, block), k=1)
        stays = np.logical_not(before.any(axis=0))
        for at in range(len(block)):
            if stays[at]:
                stays &= ~inside[at]
        inside &= stays[:, None]
        for at, point in enumerate(block):
            if not stays[at]:
                winners = (staying[:size][before[:, at]], block[inside[:, at]])
                out[point] = tuple(np.concatenate(winners).tolist())
        joined = block[stays]
        staying[size : size + len(joined)] = joined
        size += len(joined)
    return tuple(out)
