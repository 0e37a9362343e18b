"""Embedding of all distinct sounds by several subjects in one pass over the records."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.noss_evaluator.clips import WindowBatch
from components.noss_evaluator.subjects import EvaluationSubject, Network

_LOG = logging.getLogger("tinytrill.noss_evaluator")


@dataclass
class Embeddings:
    """What one subject makes of all sounds.

    Attributes:
      subject: Who embedded.
      parts: Clip embeddings, float32 ``(clips, dim)``, by batch.
      broken: Clips whose embedding is not finite.
      windows: Windows embedded.
      seconds: Wall time of the embedding.
    """

    subject: EvaluationSubject
    parts: list[np.ndarray[Any, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    windows: int = 0
    seconds: float = 0.0

    @property
    def matrix(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """float32 ``(clips, dim)``."""
        return np.concatenate(self.parts)

    def add(self, batch: WindowBatch, vectors: np.ndarray[Any, Any], seconds: float) -> None:
        """Takes one vector a window of a batch."""
        clips = self.subject.finish(batch.mean_by_clip(vectors)).astype(np.float32)
        broken = np.flatnonzero(~np.isfinite(clips).all(axis=1))
        self.broken.extend(batch.clip_ids[i] for i in broken)
        self.parts.append(clips)
        self.windows += len(vectors)
        self.seconds += seconds


def embed(
    batches: Iterable[WindowBatch], subjects: Sequence[EvaluationSubject], log_mel: Network, workers: int
) -> list[Embeddings]:
    """Embeds every batch with every subject; the front end runs once a batch for all who need it.

    LiteRT releases the interpreter lock, so each subject's networks share a batch in threads.
    """
    results = [Embeddings(subject) for subject in subjects]
    needs_patches = any(subject.hears == "log_mel" for subject in subjects)
    with ThreadPoolExecutor(workers) as pool:
        for batch in batches:
            patches = log_mel(batch.windows) if needs_patches else None
            for result in results:
                start = time.perf_counter()
                inputs = patches if result.subject.hears == "log_mel" else batch.windows
                assert inputs is not None
                shares = np.array_split(inputs, min(workers, len(inputs)))
                vectors = np.concatenate(list(pool.map(_apply, result.subject.networks, shares)))
                result.add(batch, vectors, time.perf_counter() - start)
    for result in results:
        _LOG.info(
            "%s: %d windows of %d clips embedded in %.1f s",
            result.subject.name, result.windows, sum(map(len, result.parts)), result.seconds,
        )  # fmt: skip
    return results


def _apply(network: Network, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return network(inputs)
