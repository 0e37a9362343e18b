"""Two points side by side in the rounds of the sessions that both were measured in.

Each point's own figure is a ratio to the reference network, whose noise is in both intervals. What one round
of one session does to all models cancels in the difference of two of them, so a pair that shares its rounds
is told apart by these: the median of a session's rounds, and Student's t over the sessions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.statistics.sessions import student_t

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

FEWEST_SESSIONS = 2
# What fits in a cache.
_PAIRS_AT_ONCE = 16_384
# Far more than sums of logarithms err, far less than matters.
_ROUNDING = 1e-9


class SessionPairs:
    """Logarithms of what every round took, compared pair by pair.

    Only so many pairs are computed as are asked for, and each comes out the same whatever is asked beside it.
    """

    def __init__(self, logarithms: Floats, margin: float, larger_is_better: bool) -> None:
        """Takes the rounds of all points.

        Args:
          logarithms: ``(n, sessions, rounds)``; the rounds of a session come first, NaN where there is none.
          margin: Difference of logarithms that does not count.
          larger_is_better: Direction.
        """
        self._logarithms = logarithms if larger_is_better else -logarithms
        self._rounds = np.isfinite(logarithms).sum(axis=2)
        self._measured: Bools = self._rounds.any(axis=1)
        self._margin = margin
        sessions = range(logarithms.shape[1] + 1)
        self._two_sided, self._one_sided = (
            np.array([student_t(n, share) if n >= FEWEST_SESSIONS else np.inf for n in sessions])
            for share in (0.975, 0.95)
        )

    def apart(self, upper: Integers, lower: Integers, asked: Bools, otherwise: Bools) -> Bools:
        """Those of the ``asked`` pairs, ``upper`` ahead, that are apart and by more than the margin.

        ``otherwise`` holds for those that share fewer than two sessions.
        """
        result = otherwise.copy()
        for i, j, gain, error, sessions in self._compared(upper, lower, asked):
            result[i, j] = (gain > self._margin) & (gain > self._two_sided[sessions] * error)
        return result

    def not_inferior(self, upper: Integers, lower: Integers, asked: Bools, otherwise: Bools) -> Bools:
        """Those of the ``asked`` pairs whose ``upper`` is behind by no more than the margin, at the bound.

        ``otherwise`` holds for those that share fewer than two sessions.
        """
        result = otherwise.copy()
        for i, j, gain, error, sessions in self._compared(upper, lower, asked):
            # Rounded figures that meet exactly are no loss.
            result[i, j] = gain + self._margin + _ROUNDING >= self._one_sided[sessions] * error
        return result

    def _compared(
        self, upper: Integers, lower: Integers, asked: Bools
    ) -> list[tuple[Integers, Integers, Floats, Floats, Integers]]:
        """Places of the pairs, gain of ``upper``, its standard error, and the sessions that they share."""
        rows, columns = np.nonzero(asked & self._measured[upper][:, None] & self._measured[lower])
        found = []
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            i, j = rows[start : start + _PAIRS_AT_ONCE], columns[start : start + _PAIRS_AT_ONCE]
            gain, error, sessions = self._difference(upper[i], lower[j])
            told = sessions >= FEWEST_SESSIONS
            found.append((i[told], j[told], gain[told], error[told], sessions[told]))
        return found

    def _difference(self, upper: Integers, lower: Integers) -> tuple[Floats, Floats, Integers]:
        """Mean over the shared sessions of the medians of their rounds, its standard error, how many."""
        rounds = self._rounds[upper]
        shared = (rounds > 0) & (rounds == self._rounds[lower])
        # NaN comes last, so that the middle of the rounds there are is at half their number.
        apart = np.sort(self._logarithms[upper] - self._logarithms[lower], axis=2)
        one, other = (
            np.take_along_axis(apart, place[:, :, None], axis=2)[:, :, 0]
            for place in (np.maximum(rounds - 1, 0) // 2, rounds // 2)
        )
        medians = np.where(shared, (one + other) / 2, 0.0)
        sessions = shared.sum(axis=1)
        # Added session by session: an order that does not depend on how many pairs there are.
        mean = sum(medians.T) / np.maximum(sessions, 1)
        squares = sum(np.where(shared, (medians - mean[:, None]) ** 2, 0.0).T)
        error = np.sqrt(squares / np.maximum(sessions - 1, 1) / np.maximum(sessions, 1))
        return mean, error, sessions
