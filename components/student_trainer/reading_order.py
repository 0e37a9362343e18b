"""In which order windows are stored, and in which an epoch reads them.

A disk gives what lies together many times as fast as what lies apart. So windows are mixed once, when they
are stored, and an epoch reads runs of neighbours: in an order of its own, and shuffled within a buffer of
many runs, so that no two epochs have the same batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Places = np.ndarray[Any, np.dtype[np.int64]]

RUN = 64  # windows that are read together: about 0.8 MB of log-mels
BUFFER = 128  # runs that are shuffled with each other: about 100 MB

_STORE_SEED = 20


def mixed_places(count: int) -> Places:
    """Where each window of a set is stored: a permutation that is always the same."""
    return np.random.default_rng(_STORE_SEED).permutation(count)


def epoch_order(count: int, rng: np.random.Generator, run: int = RUN, buffer: int = BUFFER) -> Places:
    """Numbers of all windows in the order of an epoch.

    Args:
      count: Windows that are stored, well mixed.
      rng: Where the order comes from.
      run: Windows that lie and are read together.
      buffer: Runs whose windows are shuffled with each other.
    """
    runs = rng.permutation(-(-count // run))
    parts = []
    for first in range(0, len(runs), buffer):
        starts = runs[first : first + buffer] * run
        together = (starts[:, np.newaxis] + np.arange(run)).ravel()
        parts.append(rng.permutation(together[together < count]))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
