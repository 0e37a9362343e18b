"""95 % intervals by bootstrap over test clips, clustered by speaker where speakers are known."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from components.bootstrap import Samples, interval_95
from components.noss_evaluator.clips import Entry

MIN_SPEAKERS = 4
_CELLS_AT_ONCE = 4_000_000

Indices = np.ndarray[Any, np.dtype[np.intp]]


def task_generator(seed: int, task: str) -> np.random.Generator:
    """The random numbers of a task: the same for every model, so that models can be compared in pairs."""
    return np.random.default_rng([seed, zlib.crc32(task.encode())])


def speakers_known(clips: Sequence[Entry]) -> int:
    """Distinct speakers; an empty id is an unknown speaker and does not count."""
    return len({clip.speaker_id for clip in clips} - {""})


def clusters_of(clips: Sequence[Entry]) -> Indices:
    """Index of each clip's cluster ``(n,)``: its speaker, or its sound.

    With fewer than ``MIN_SPEAKERS`` speakers a bootstrap over them says nothing: then, and where a
    clip's speaker is unknown, a clip stands for itself and for others of the same sound.
    """
    by_speaker = speakers_known(clips) >= MIN_SPEAKERS
    # A number is never a speaker id of another clip: the two kinds of key cannot meet.
    keys = [clip.speaker_id if by_speaker and clip.speaker_id else clip.sound for clip in clips]
    index: dict[str | int, int] = {}
    return np.array([index.setdefault(key, len(index)) for key in keys], np.intp)


def draw_clusters(clusters: int, resamples: int, generator: np.random.Generator) -> Iterator[Samples]:
    """How often each cluster is drawn, with replacement and as many as there are: ``(rows, clusters)``.

    The rows of all portions together are the resamples; a portion fits in memory.
    """
    at_once = max(1, _CELLS_AT_ONCE // clusters)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = generator.integers(clusters, size=(rows, clusters))
        cells = (drawn + clusters * np.arange(rows)[:, None]).ravel()
        counts = np.bincount(cells, minlength=rows * clusters).reshape(rows, clusters)
        yield counts.astype(np.float64)


def mean_interval(by_task: Sequence[Samples]) -> tuple[float, float]:
    """Interval of the plain mean over tasks; the tasks' test sets are drawn independently."""
    return interval_95(np.mean(by_task, axis=0))
