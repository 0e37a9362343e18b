"""How far two points must be apart where all pairs of points are compared at once.

Of 48 equally good points the best and the worst differ by far more than 1.96 standard deviations of their
difference. The 95 % quantile of the largest deviation among all pairs, found from the bootstrap draws
themselves, keeps the chance of *any* false lead at 5 % (max-|t|: Romano and Wolf, Econometrica 73 (2005)
1237-1282). It knows how points depend on each other: the files of one student count as hardly more than one.
"""

from __future__ import annotations

import numpy as np

from components.common.frontier.scales import NORMAL_95, Floats

# All pairs of so many points take a second; of more points an even sample stands for all.
MOST_POINTS = 400
_LEVEL = 0.95
_PAIRS_AT_ONCE = 4096


def critical_value(draws: Floats) -> float:
    """The 95 % quantile of the largest studentised difference among all pairs of points; at least 1.96.

    Args:
      draws: ``(points, resamples)``, paired over the points; rows with a NaN are left out.
    """
    known = draws[np.isfinite(draws).all(axis=1)]
    if len(known) > MOST_POINTS:
        by_mean = np.argsort(known.mean(axis=1), kind="stable")
        known = known[by_mean[np.linspace(0, len(known) - 1, MOST_POINTS).round().astype(np.int64)]]
    if len(known) < 2 or known.shape[1] < 2:
        return NORMAL_95
    centred = known - known.mean(axis=1, keepdims=True)
    upper, lower = np.triu_indices(len(known), k=1)
    largest = np.zeros(known.shape[1])
    for start in range(0, len(upper), _PAIRS_AT_ONCE):
        pairs = slice(start, start + _PAIRS_AT_ONCE)
        differences = centred[upper[pairs]] - centred[lower[pairs]]
        deviations = differences.std(axis=1, ddof=1, keepdims=True)
        # Points whose draws are the same cannot lead by chance.
        differ = deviations[:, 0] > 1e-12
        if differ.any():
            studentised = np.abs(differences[differ]) / deviations[differ]
            np.maximum(largest, studentised.max(axis=0), out=largest)
    return max(NORMAL_95, float(np.quantile(largest, _LEVEL)))
