"""95 % intervals of figures that were drawn again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

Samples = np.ndarray[Any, np.dtype[np.float64]]


def interval_95(samples: Samples) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def paired_interval(samples: Samples, against: Samples) -> tuple[float, float]:
    """Interval of the difference of two models whose samples come from the same draws of clips."""
    if len(samples) != len(against):
        raise ValueError(f"{len(samples)} samples cannot be paired with {len(against)}")
    return interval_95(np.asarray(samples, np.float64) - against)
