"""Which points are beaten, by whom, and which make the frontier.

Figures are noisy, so an axis has a *margin*: a difference up to it does not count. With k axes,
**A beats B** if

* on at least one axis A is *clearly better*: by more than the margin, and their measured intervals (where
  the axis has them) are apart; and
* on every other axis A is *no worse*: behind by at most margin / (k - 1). Where the margin is wider than
  the one that was set (``least``), because the typical point was measured no better, a pair that was
  measured better may tell: behind by more than least / (k - 1) is worse if the intervals are apart.

Two points' intervals are apart if they do not touch. Where both have bootstrap draws, which are of the same
clips for all points, it is the interval of their difference that counts: apart is a difference of more than
1.96 standard deviations of the differences of the draws.

With two axes a point may thus win one by more than the margin while it loses the other by no more than
the margin. All margins zero and no intervals: the ordinary Pareto dominance.

Such a relation is not transitive: a chain of near ties may lead far away. Two properties make it sound.

* *No cycles.* Let a point's merit be the sum over the axes of value / margin. A winner gains more than 1 and
  loses at most (k - 1) / (k - 1), so merit strictly rises from the beaten to the winner. (This needs one
  margin for all points of an axis. With a margin for each pair cycles exist, and a frontier could be empty.
  The intervals only ever say that A does not beat B after all, so they may be the pair's own.)
  Axes with margin zero come first, in lexicographic order: nothing may be lost there.
* *The frontier is the kernel.* Points are taken in falling merit; a point that no frontier point beats joins
  the frontier. So the frontier is never empty, no frontier point beats another, and every loser is beaten
  *directly* by the frontier points it names: what was cut has a replacement that is clearly better on one
  axis and within the margin on the others. A point whose only winners are losers themselves stays. A
  relation without cycles has one kernel only, so the order of the points does not matter.

Positions are integers, 720,720 to a margin, and so are the draws, a millionth each: sums of them are exact,
and a comparison of two points comes out the same whatever stands beside them. Points are taken in blocks,
each compared at once with the frontier so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

NORMAL_95 = 1.96

# Highly composite, so that simple fractions of a margin are whole steps.
STEPS_PER_MARGIN = 720_720
LARGEST_POSITION = 2**50

# Draws are scores; sums of 8192 products of two numbers up to 2 ** 20 are exact in float64.
STEPS_PER_SCORE = 2**20
LARGEST_DRAW = 1.0
MOST_DRAWS = 8192

# Points that are taken at once, and frontier points they are compared with at once: what fits in a cache.
_BLOCK = 256
_TILE = 2048


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
      draws: Bootstrapped values ``(n, resamples)``, paired over all points; a row of NaN for a point that
        has none. Or None.
      least: The margin that was set, if the spread made ``margin`` wider; None: the margin.
    """

    name: str
    values: Sequence[float] | Floats
    margin: float = 0.0
    low: Sequence[float] | Floats | None = None
    high: Sequence[float] | Floats | None = None
    larger_is_better: bool = True
    relative: bool = False
    draws: Floats | None = None
    least: float | None = None


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
        self._scales = [_Scale(axis, len(axes)) for axis in axes]
        lengths = {len(scale.position) for scale in self._scales}
        if len(lengths) != 1:
            raise ValueError(f"all axes must have the same number of points, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self._scales[0].position)

    def beats(self, winners: Integers, losers: Integers) -> Bools:
        """``(len(winners), len(losers))``: which of ``winners`` beats which of ``losers``."""
        tiles = [self._beats(winners[i : i + _TILE], losers) for i in range(0, len(winners), _TILE)]
        return np.concatenate(tiles) if tiles else np.zeros((0, len(losers)), dtype=np.bool_)

    def ties(self, some: Integers, others: Integers) -> Bools:
        """``(len(some), len(others))``: which cannot be told apart on any axis."""
        told = np.zeros((len(some), len(others)), dtype=np.bool_)
        for scale in self._scales:
            told |= scale.better(some, others) | scale.better(others, some).T
        result: Bools = ~told
        return result

    def by_merit(self) -> Integers:
        """All points, best merit first; a point never stands before one that beats it."""
        exact = [scale.position for scale in self._scales if scale.exact]
        merit = sum((s.position for s in self._scales if not s.exact), np.zeros(len(self), dtype=np.int64))
        keys = (-merit, *(-position for position in reversed(exact)))
        return np.lexsort(keys).astype(np.int64)

    def _beats(self, winners: Integers, losers: Integers) -> Bools:
        result = np.ones((len(winners), len(losers)), dtype=np.bool_)
        ahead = np.zeros_like(result)
        for scale in self._scales:
            result &= scale.within(winners, losers)
            ahead |= scale.ahead(winners, losers)
        result &= ahead
        # Few pairs are left as a rule; what was measured is asked of their rows and columns only.
        rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
        if len(rows):
            some, others = winners[rows], losers[columns]
            clear = np.zeros((len(rows), len(columns)), dtype=np.bool_)
            for scale in self._scales:
                clear |= scale.better(some, others)
                if scale.least < scale.margin:
                    clear_loss = scale.worse(some, others)
                    result[np.ix_(rows, columns)] &= ~clear_loss
            result[np.ix_(rows, columns)] &= clear
        return result


class _Scale:
    """One axis, ready for comparison: larger is better, positions and draws are integers."""

    def __init__(self, axis: Axis, axes: int) -> None:
        self.values, self.low, self.high = _oriented(axis)
        self.position = _positions(axis, self.values)
        self.margin = axis.margin
        self.least = axis.margin if axis.least is None else axis.least
        if not 0 <= self.least <= self.margin:
            raise ValueError(f"axis {axis.name!r}: the margin {self.margin} is not wider than {self.least}")
        # On an axis without margin a position is a rank: any step is clear, none may be lost.
        self.exact = axis.margin == 0
        self._clear = 0 if self.exact else STEPS_PER_MARGIN
        others = max(axes - 1, 1)
        self._allowed = self._clear // others
        self._allowed_if_apart = int(_steps(axis, self.least) // others) if self.least else 0
        self._has_interval = axis.low is not None or axis.high is not None
        self._draws = None if axis.draws is None else _Draws(axis, self.values)

    def within(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` is behind which of ``losers`` by no more than is allowed."""
        result: Bools = self.position[winners][:, None] >= self.position[losers] - self._allowed
        return result

    def ahead(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` leads which of ``losers`` by more than the margin."""
        result: Bools = self.position[winners][:, None] > self.position[losers] + self._clear
        return result

    def better(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` is clearly better than which of ``losers``."""
        return self._where_apart(self.ahead(winners, losers), winners, losers)

    def worse(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` is behind by more than is allowed of a pair whose intervals are apart."""
        behind = self.position[losers] - self._allowed_if_apart > self.position[winners][:, None]
        return self._where_apart(behind.T, losers, winners).T

    def _where_apart(self, asked: Bools, upper: Integers, lower: Integers) -> Bools:
        """Those of the ``asked`` pairs whose intervals are apart, ``upper`` above ``lower``."""
        if not self._has_interval and self._draws is None:
            return asked
        apart: Bools = asked & (self.low[upper][:, None] > self.high[lower])
        if self._draws is not None:
            self._draws.decide(asked, apart, upper, lower)
        return apart


class _Draws:
    """Bootstrap draws of one axis."""

    def __init__(self, axis: Axis, values: Floats) -> None:
        draws = np.asarray(axis.draws, dtype=np.float64)
        if draws.ndim != 2 or len(draws) != len(values) or not 2 <= draws.shape[1] <= MOST_DRAWS:
            raise ValueError(
                f"axis {axis.name!r}: draws of shape {draws.shape} for {len(values)} points; accepted: "
                f"a row a point, 2 to {MOST_DRAWS} draws"
            )
        self.known: Bools = np.isfinite(draws).all(axis=1)
        centred = np.where(self.known[:, None], draws - draws.mean(axis=1, keepdims=True), 0.0)
        if len(centred) and np.abs(centred).max() > LARGEST_DRAW:
            raise ValueError(f"axis {axis.name!r}: draws lie up to {np.abs(centred).max()} from their mean")
        self._values = values
        self._centred = np.rint(centred * STEPS_PER_SCORE)
        self._squares = np.einsum("ij,ij->i", self._centred, self._centred)
        self._unit = (draws.shape[1] - 1) * float(STEPS_PER_SCORE) ** 2

    def decide(self, asked: Bools, apart: Bools, upper: Integers, lower: Integers) -> None:
        """Overwrites ``apart`` for the ``asked`` pairs that both have draws."""
        paired = asked & self.known[upper][:, None] & self.known[lower]
        rows, columns = np.flatnonzero(paired.any(axis=1)), np.flatnonzero(paired.any(axis=0))
        if not len(rows):
            return
        here = np.ix_(rows, columns)
        some, others = upper[rows], lower[columns]
        products = self._centred[some] @ self._centred[others].T
        squares = self._squares[some][:, None] + self._squares[others] - 2 * products
        gain = self._values[some][:, None] - self._values[others]
        beyond = (gain > 0) & (gain * gain > NORMAL_95**2 * squares / self._unit)
        apart[here] = np.where(paired[here], beyond, apart[here])


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
    position = {int(index): at for at, index in enumerate(preferred)}
    kernel = _kernel(preferred, comparison.ties)
    return {index: kernel[index][0] for index in position if kernel[index]}


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
        stays = ~before.any(axis=0)
        for i in range(len(block)):
            if stays[i]:
                stays &= ~inside[i]
        inside &= stays[:, None]
        for i in np.flatnonzero(~stays):
            winners = (staying[:size][before[:, i]], block[inside[:, i]])
            out[block[i]] = tuple(np.concatenate(winners).tolist())
        joined = block[stays]
        staying[size : size + len(joined)] = joined
        size += len(joined)
    return tuple(out)


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


def _steps(axis: Axis, difference: float) -> int:
    """A difference or share that is no wider than the margin, in steps."""
    share = np.log1p(difference) / np.log1p(axis.margin) if axis.relative else difference / axis.margin
    return int(np.rint(share * STEPS_PER_MARGIN))
