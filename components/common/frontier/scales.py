"""One axis, ready for comparison: who leads on it, who is within the margin, who is shown not to be worse.

Positions are integers, 720,720 to a margin, and so are bootstrap draws, 2 ** 19 to a score of 1. Sums of
them are exact, so a comparison of two points comes out the same whatever stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.common.frontier.session_pairs import Bools, Floats, Integers, SessionPairs

# Two-sided 95 % for a lead, one-sided 95 % for "not worse".
NORMAL_95 = 1.96
ONE_SIDED_95 = 1.645

# Highly composite, so that simple fractions of a margin are whole steps.
STEPS_PER_MARGIN = 720_720
LARGEST_POSITION = 2**50

# A draw less what is common to all is up to 2**20 then, and a sum of 8192 products is exact in float64.
STEPS_PER_SCORE = 2**19
LARGEST_DRAW = 1.0
MOST_DRAWS = 8192

# Far more than square roots err, far less than matters.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Axis:
    """One figure of all points.

    Attributes:
      name: For messages.
      values: ``(n,)``; must be finite, and above zero if ``relative``.
      margin: Difference that does not count, in the axis' unit, or a share of the value if ``relative``: a
        lead has to be larger, and the margin of non-inferiority is the same.
      low: Lower ends ``(n,)`` of the measured intervals, or None for a figure without one.
      high: Upper ends ``(n,)``.
      larger_is_better: Direction.
      relative: Compare ratios instead of differences.
      draws: Bootstrapped values ``(n, resamples)``, paired over all points; a row of NaN for a point that
        has none. Or None.
      rounds: Of a relative axis, logarithms ``(n, sessions, rounds)`` of what every round of every session
        took, paired over all points; the rounds of a session come first, NaN where there is none. Or None.
      critical: Standard deviations of the difference of the draws that a lead has to exceed.
    """

    name: str
    values: Sequence[float] | Floats
    margin: float = 0.0
    low: Sequence[float] | Floats | None = None
    high: Sequence[float] | Floats | None = None
    larger_is_better: bool = True
    relative: bool = False
    draws: Floats | None = None
    rounds: Floats | None = None
    critical: float = NORMAL_95


class Scale:
    """One axis, ready for comparison: larger is better, positions and draws are integers."""

    def __init__(self, axis: Axis, axes: int) -> None:
        self.values, self.low, self.high = _oriented(axis)
        self.position = _positions(axis, self.values)
        # On an axis without margin a position is a rank: any step is clear, none may be lost.
        self.exact = axis.margin == 0
        self._clear = 0 if self.exact else STEPS_PER_MARGIN
        self._allowed = self._clear // max(axes - 1, 1)
        self._has_interval = axis.low is not None or axis.high is not None
        self._bounds = _Bounds(axis, self)
        self.pairs = _pairs(axis, self.values)

    def within(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` is behind which of ``losers`` by no more than is allowed."""
        result: Bools = self.position[winners][:, None] >= self.position[losers] - self._allowed
        return result

    def ahead(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` leads which of ``losers`` by more than the margin."""
        result: Bools = self.position[winners][:, None] > self.position[losers] + self._clear
        return result

    def better(self, winners: Integers, losers: Integers, asked: Bools) -> Bools:
        """Those of the ``asked`` pairs whose winner is clearly better."""
        asked = asked & self.ahead(winners, losers)
        if not self._has_interval and self.pairs is None:
            return asked
        apart: Bools = asked & (self.low[winners][:, None] > self.high[losers])
        return apart if self.pairs is None else self.pairs.apart(winners, losers, asked, apart)

    def not_inferior(self, winners: Integers, losers: Integers, asked: Bools) -> Bools:
        """Those of the ``asked`` pairs whose winner is shown to be behind by no more than the margin."""
        if not self._has_interval and self.pairs is None:
            return asked
        shown: Bools = asked & self._bounds.not_inferior(winners, losers)
        return shown if self.pairs is None else self.pairs.not_inferior(winners, losers, asked, shown)


class _Bounds:
    """Unpaired intervals, as half widths towards either side, in steps of the margin (or of the figure)."""

    def __init__(self, axis: Axis, scale: Scale) -> None:
        figures, low, high = scale.values, scale.low, scale.high
        if axis.relative:
            figures, low, high = (np.sign(end) * np.log(np.abs(end)) for end in (figures, low, high))
        unit = 1.0
        if axis.margin:
            unit = (np.log1p(axis.margin) if axis.relative else axis.margin) / STEPS_PER_MARGIN
        self._figures = scale.position.astype(np.float64) if axis.margin else figures
        self._margin = float(STEPS_PER_MARGIN) if axis.margin else 0.0
        self._below = ((figures - low) / unit * ONE_SIDED_95 / NORMAL_95) ** 2
        self._above = ((high - figures) / unit * ONE_SIDED_95 / NORMAL_95) ** 2

    def not_inferior(self, winners: Integers, losers: Integers) -> Bools:
        """Which of ``winners`` is behind by no more than the margin at the bound of the difference."""
        room = self._figures[winners][:, None] - self._figures[losers] + self._margin
        squares = self._below[winners][:, None] + self._above[losers]
        result: Bools = (room >= 0) & (room * room >= squares * (1 - _ROUNDING))
        return result


class Draws:
    """Bootstrap draws of one axis, as integers: what is common to all points is taken away first.

    Differences stay what they were, and what is left is so small that the standard deviations of two points
    mostly tell by themselves whether they are apart: that of the difference lies between their difference
    and their sum.
    """

    def __init__(self, axis: Axis, values: Floats) -> None:
        draws = np.asarray(axis.draws)
        if draws.ndim != 2 or len(draws) != len(values) or not 2 <= draws.shape[1] <= MOST_DRAWS:
            raise ValueError(
                f"axis {axis.name!r}: draws of shape {draws.shape} for {len(values)} points; accepted: "
                f"a row a point, 2 to {MOST_DRAWS} draws"
            )
        means = draws.mean(axis=1, dtype=np.float64)
        self._known: Bools = np.isfinite(means)
        own = (draws - means[:, None]) * STEPS_PER_SCORE
        own[~self._known] = 0
        np.rint(own, out=own)
        if np.abs(own).max(initial=0) > LARGEST_DRAW * STEPS_PER_SCORE:
            raise ValueError(f"axis {axis.name!r}: draws lie further than {LARGEST_DRAW} from their mean")
        if self._known.any():
            own -= np.rint(own.sum(axis=0) / self._known.sum())
        self._own = own
        self._squares = np.einsum("ij,ij->i", own, own)
        self._deviations = np.sqrt(self._squares / (draws.shape[1] - 1))
        self._degrees = draws.shape[1] - 1
        self._values = values * STEPS_PER_SCORE
        self._critical = axis.critical
        self._margin = axis.margin * STEPS_PER_SCORE

    def apart(self, upper: Integers, lower: Integers, asked: Bools, otherwise: Bools) -> Bools:
        """Those of the ``asked`` pairs, ``upper`` ahead, that are apart.

        ``otherwise`` holds for those without draws.
        """
        return self._exceeds(upper, lower, asked, otherwise, 0.0, self._critical)

    def not_inferior(self, upper: Integers, lower: Integers, asked: Bools, otherwise: Bools) -> Bools:
        """Those of the ``asked`` pairs whose ``upper`` is behind by no more than the margin, at the bound.

        ``otherwise`` holds for those without draws.
        """
        return self._exceeds(upper, lower, asked, otherwise, self._margin, ONE_SIDED_95)

    def _exceeds(
        self,
        upper: Integers,
        lower: Integers,
        asked: Bools,
        otherwise: Bools,
        room: float,
        quantile: float,
    ) -> Bools:
        """Those of the pairs whose gain and ``room`` are at least ``quantile`` deviations of the gain."""
        paired = asked & self._known[upper][:, None] & self._known[lower]
        gain = self._values[upper][:, None] - self._values[lower] + room
        one, other = quantile * self._deviations[upper][:, None], quantile * self._deviations[lower]
        surely = gain > (one + other) * (1 + _ROUNDING)
        result: Bools = np.where(paired, surely, otherwise)
        # Rounded figures that meet exactly are no loss.
        open_ = paired & ~surely & (gain >= np.abs(one - other) * (1 - _ROUNDING) - _ROUNDING)
        rows, columns = np.flatnonzero(open_.any(axis=1)), np.flatnonzero(open_.any(axis=0))
        if len(rows):
            here = np.ix_(rows, columns)
            products = self._own[upper[rows]] @ self._own[lower[columns]].T
            squares = self._squares[upper[rows]][:, None] + self._squares[lower[columns]] - 2 * products
            exceeds = gain[here] ** 2 >= quantile**2 / self._degrees * squares
            result[here] = np.where(open_[here], exceeds, result[here])
        return result


def _pairs(axis: Axis, values: Floats) -> Draws | SessionPairs | None:
    """What tells two points apart better than their two intervals do, where both have it."""
    if axis.rounds is None:
        return None if axis.draws is None else Draws(axis, values)
    rounds = np.asarray(axis.rounds, dtype=np.float64)
    if axis.draws is not None or not axis.relative or rounds.ndim != 3 or len(rounds) != len(values):
        raise ValueError(
            f"axis {axis.name!r}: rounds of shape {rounds.shape} for {len(values)} points; accepted: "
            "logarithms (points, sessions, rounds) of a relative axis without draws"
        )
    return SessionPairs(rounds, float(np.log1p(axis.margin)), axis.larger_is_better)


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
