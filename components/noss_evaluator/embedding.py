"""Embedding of all distinct sounds by several models."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np

from components.noss_evaluator.clips import Sound, WindowBatch
from components.noss_evaluator.features import ClipFeatures
from components.noss_evaluator.models_under_test import InputKind, ModelUnderTest, Network

_BATCHES_AHEAD = 2
_LOG = logging.getLogger("tinytrill.noss_evaluator")

Array = np.ndarray[Any, Any]


@dataclass
class Embeddings:
    """What one model makes of all sounds.

    Attributes:
      under_test: The model that embedded.
      parts: Embeddings of sounds, float32 ``(sounds, dim)``, by batch.
      broken: Clips whose embedding is not finite.
      windows: Windows embedded.
      seconds: What the embedding alone takes: the threads' busy time over their number.
    """

    under_test: ModelUnderTest
    parts: list[Array] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    windows: int = 0
    seconds: float = 0.0

    @property
    def matrix(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """float32 ``(sounds, dim)``."""
        return np.concatenate(self.parts)

    def add(self, sounds: Sequence[Sound], vectors: Array) -> None:
        """Takes one vector a sound, before the model's finish."""
        part = self.under_test.finish(vectors).astype(np.float32)
        broken = np.flatnonzero(~np.isfinite(part).all(axis=1)).tolist()
        self.broken.extend(sounds[index].clip_id for index in broken)
        self.parts.append(part)


def embed(
    clip_features: ClipFeatures, under_test: Sequence[ModelUnderTest], workers: int
) -> list[Embeddings]:
    """Embeds every sound with every model.

    Sounds are read once for all that take waveforms and once for all that take log-mels.

    Args:
      clip_features: The sounds; complete afterwards.
      under_test: The models.
      workers: Threads; a model has a network for each.

    Returns:
      Embeddings in the order of the models.
    """
    results = [Embeddings(one) for one in under_test]
    # Log-mels first: where they are kept, it is also known where the samples are.
    kinds: tuple[InputKind, ...] = ("log_mel", "waveform", "clip")
    for input_kind in kinds:
        ours = [result for result in results if result.under_test.input_kind == input_kind]
        if ours:
            _embed_batches(clip_features.batches(input_kind), ours, workers)
    for result in results:
        if result.under_test.input_kind == "digest":
            _embed_digests(clip_features, result)
        _LOG.info(
            "%s: %d windows of %d sounds embedded in %.1f s",
            result.under_test.name, result.windows, sum(map(len, result.parts)), result.seconds,
        )  # fmt: skip
    return results


@dataclass(frozen=True)
class _Pending:
    """A batch that one model is working on."""

    result: Embeddings
    batch: WindowBatch
    shares: list[Future[tuple[Array, float]]]

    def collect(self, workers: int) -> None:
        vectors, seconds = zip(*(share.result() for share in self.shares), strict=True)
        self.result.add(self.batch.sounds, self.batch.mean_by_sound(np.concatenate(vectors)))
        self.result.windows += len(self.batch.inputs)
        self.result.seconds += sum(seconds) / workers


def _embed_batches(batches: Iterator[WindowBatch], results: Sequence[Embeddings], workers: int) -> None:
    """Keeps all threads busy: the next batches wait in the queue while one is worked on.

    LiteRT releases the interpreter lock, so threads really share the work.
    """
    networks = [_queue(result.under_test.networks) for result in results]
    pending: deque[_Pending] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for batch in batches:
            shares = np.array_split(batch.inputs, min(workers, len(batch.inputs)))
            for result, idle in zip(results, networks, strict=True):
                futures = [pool.submit(_apply, idle, share) for share in shares]
                pending.append(_Pending(result, batch, futures))
            while len(pending) > _BATCHES_AHEAD * len(results):
                pending.popleft().collect(workers)
        while pending:
            pending.popleft().collect(workers)


def _queue(networks: Sequence[Network]) -> SimpleQueue[Network]:
    queue: SimpleQueue[Network] = SimpleQueue()
    for network in networks:
        queue.put(network)
    return queue


def _apply(idle: SimpleQueue[Network], inputs: Array) -> tuple[Array, float]:
    """One vector an input, by a network that nobody else uses meanwhile; and the seconds it took."""
    network = idle.get()
    start = time.perf_counter()
    try:
        return network(inputs), time.perf_counter() - start
    finally:
        idle.put(network)


def _embed_digests(clip_features: ClipFeatures, result: Embeddings) -> None:
    if not clip_features.sounds:
        for _ in clip_features.batches("waveform"):
            pass  # to know which sounds there are
    digests = np.array([sound.digest for sound in clip_features.sounds])
    result.add(clip_features.sounds, result.under_test.networks[0](digests))
