"""95 % intervals by bootstrap over test clips, clustered by speaker where speakers are known."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

MIN_SPEAKERS = 4
_CELLS_AT_ONCE = 4_000_000

Samples = np.ndarray[Any, np.dtype[np.float64]]


def task_generator(seed: int, task: str) -> np.random.Generator:
    """The random numbers of a task: the same for every model, so that models can be compared in pairs."""
    return np.random.default_rng([seed, zlib.crc32(task.encode())])


def speakers_known(speakers: Sequence[str]) -> int:
    """Distinct speakers; an empty id is an unknown speaker and does not count."""
    return len(set(speakers) - {""})


def clusters_of(speakers: Sequence[str]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Index of each clip's cluster ``(n,)``: its speaker, or the clip itself.

    With fewer than ``MIN_SPEAKERS`` speakers a bootstrap over them says nothing: then, and where a
    clip's speaker is unknown, a clip stands for itself.
    """
    if speakers_known(speakers) < MIN_SPEAKERS:
        return np.arange(len(speakers))
    # A number is never a speaker id of another clip: the two kinds of key cannot meet.
    index: dict[str | int, int] = {}
    return np.array([index.setdefault(speaker or i, len(index)) for i, speaker in enumerate(speakers)])


def bootstrap_accuracy(
    correct: np.ndarray[Any, np.dtype[np.bool_]],
    clusters: np.ndarray[Any, np.dtype[np.intp]],
    resamples: int,
    generator: np.random.Generator,
) -> Samples:
    """Accuracies ``(resamples,)`` of test sets whose clusters were drawn with replacement.

    Args:
      correct: ``(n,)``, whether each clip was recognised.
      clusters: ``(n,)``, index of each clip's cluster, 0 to the number of clusters - 1.
      resamples: How many test sets to draw.
      generator: Source of the draws.
    """
    hits = np.bincount(clusters, weights=correct)
    sizes = np.bincount(clusters).astype(np.float64)
    shares = np.full(len(sizes), 1.0 / len(sizes))
    samples: list[Samples] = []
    rows = max(1, _CELLS_AT_ONCE // len(sizes))
    for start in range(0, resamples, rows):
        drawn = generator.multinomial(len(sizes), shares, size=min(rows, resamples - start))
        samples.append((drawn @ hits) / (drawn @ sizes))
    return np.concatenate(samples)


def interval_95(samples: Samples) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(by_task: Sequence[Samples]) -> tuple[float, float]:
    """Interval of the plain mean over tasks; the tasks' test sets are drawn independently."""
    return interval_95(np.mean(by_task, axis=0))
