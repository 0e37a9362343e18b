"""95 % intervals by bootstrap over test clips, clustered by speaker where speakers are known.

Speakers are few. A percentile bootstrap of G of them knows neither that their variance is an estimate nor
that it is too small by (G - 1) / G, and covers .75 to .91 where 4 to 20 speakers should cover .95. So
resampled scores are spread about their mean by t(G - 1) / 1.96 * sqrt(G / (G - 1)); what is computed from
them (intervals of a task, of the mean, of differences) is widened alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from components.common.statistics.bootstrap import Samples, interval_95
from components.noss_evaluator.clips import Entry

# With fewer speakers than that the spread between speakers cannot be estimated.
MIN_SPEAKERS = 3
_NORMAL_95 = 1.96
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
    by_speaker = are_by_speaker(clips)
    # A number is never a speaker id of another clip: the two kinds of key cannot meet.
    keys = [clip.speaker_id if by_speaker and clip.speaker_id else clip.sound for clip in clips]
    index: dict[str | int, int] = {}
    return np.array([index.setdefault(key, len(index)) for key in keys], np.intp)


def are_by_speaker(clips: Sequence[Entry]) -> bool:
    """Whether clips are drawn by speaker."""
    return speakers_known(clips) >= MIN_SPEAKERS


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


def draw_speakers(
    clips: Sequence[Entry], clusters: Indices, resamples: int, seed: int, corpus: str
) -> Iterator[Samples]:
    """As :func:`draw_clusters`, but a speaker is drawn equally often in all tasks of a corpus.

    Each speaker has a stream of random numbers of their own and is drawn Poisson(1) times, independently of
    the others (Hanley and MacGibbon, Computer Methods and Programs in Biomedicine 83 (2006) 57-62); what was
    drawn of the speakers that two tasks share is then the same for both, whoever else they have.

    Args:
      clips: The tested clips.
      clusters: Their clusters by :func:`clusters_of`, which must be speakers.
      resamples: Number of draws.
      seed: Of the bootstrap.
      corpus: Speakers of one name in one corpus are one person.
    """
    keys = dict(zip(clusters.tolist(), (clip.speaker_id or clip.clip_id for clip in clips), strict=True))
    counts = np.empty((resamples, len(keys)), np.uint8)
    for cluster, key in keys.items():
        stream = np.random.default_rng([seed, zlib.crc32(corpus.encode()), zlib.crc32(key.encode())])
        counts[:, cluster] = stream.poisson(1.0, resamples)
    at_once = max(1, _CELLS_AT_ONCE // len(keys))
    for start in range(0, resamples, at_once):
        yield counts[start : start + at_once].astype(np.float64)


def widened(samples: Samples, clusters: int) -> Samples:
    """Resampled scores, spread about their mean as so few clusters ask for; see the module."""
    if clusters < 2:
        return samples
    few = float(student_t.ppf(0.975, clusters - 1)) / _NORMAL_95 * (clusters / (clusters - 1)) ** 0.5
    center = samples.mean()
    spread: Samples = center + few * (samples - center)
    return spread


def score_interval(samples: Samples) -> tuple[float, float]:
    """Interval of a score; scores are shares of 1, so it ends there."""
    low, high = interval_95(samples)
    return max(low, 0.0), min(high, 1.0)


def mean_interval(by_task: Sequence[Samples]) -> tuple[float, float]:
    """Interval of the plain mean over tasks, whose speakers are drawn together where they share them."""
    return score_interval(np.mean(by_task, axis=0))
