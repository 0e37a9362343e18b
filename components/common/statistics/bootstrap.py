"""Figures that were drawn again and again: the files they lie in, and 95 % intervals."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_Z_95 = 1.959964

Samples = np.ndarray[Any, np.dtype[np.float64]]


def read_samples(path: Path) -> dict[str, Samples]:
    """Bootstrapped scores ``(resamples,)`` by task, in the order of the file (``NossReport.SAMPLES``).

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is damaged or holds something else; whether the scores are finite is not asked.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            scores = np.asarray(stored["scores"], np.float64)
            return dict(zip(stored["tasks"].tolist(), scores, strict=True))
    except (KeyError, TypeError, EOFError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def interval_95(samples: Samples) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def paired_interval(samples: Samples, against: Samples) -> tuple[float, float]:
    """Interval of the difference of two models whose samples come from the same draws of clips."""
    if len(samples) != len(against):
        raise ValueError(f"{len(samples)} samples cannot be paired with {len(against)}")
    return interval_95(np.asarray(samples, np.float64) - against)


def wilson_95(accuracy: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``n`` independent clips (Wilson, JASA 22, 1927)."""
    square = _Z_95**2
    centre = (accuracy + square / (2 * n)) / (1 + square / n)
    half = _Z_95 / (1 + square / n) * math.sqrt(accuracy * (1 - accuracy) / n + square / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
