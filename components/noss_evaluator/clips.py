"""NOSS records as a stream of distinct sounds and a list of who uses which."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import numpy as np

from components.common.audio.framing import window_offsets
from components.common.store.shards import iterate_examples, list_shards
from schemas.records import SAMPLE_RATE, Audio, NossClip

SPLITS = ("train", "validation", "test")

Array = np.ndarray[Any, np.dtype[np.float32]]

# In place of a window's length: sounds are not cut. A batch of them is about a minute.
WHOLE = 0
_WHOLE_SAMPLES = 60 * SAMPLE_RATE


@dataclass(frozen=True)
class Entry:
    """One labelled clip of a task.

    Attributes:
      clip_id: ``<task>/<file>``.
      task: Name of the task.
      split: train, validation or test.
      label: The class.
      speaker_id: The speaker, or empty.
      sound: Index of its sound among the distinct ones.
      group: Fold or other grouping key, or empty.
      sex: The speaker's, or empty.
      age: The speaker's, or empty.
      duration_s: Length in seconds.
    """

    clip_id: str
    task: str
    split: str
    label: str
    speaker_id: str
    sound: int
    group: str = ""
    sex: str = ""
    age: str = ""
    duration_s: float = 0.0


@dataclass(frozen=True)
class Sound:
    """One distinct sound.

    Attributes:
      clip_id: The first clip that uses it.
      digest: sha256 over its samples, hexadecimal.
      windows: How many windows it was cut into.
    """

    clip_id: str
    digest: str
    windows: int


@dataclass(frozen=True)
class WindowBatch:
    """What networks are given of several whole sounds.

    Attributes:
      inputs: float32 ``(n, samples)`` in [-1, 1), or log-mel patches ``(n, frames, mels)``.
      sounds: The sounds, in order.
    """

    inputs: Array
    sounds: list[Sound]

    def mean_by_sound(self, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Averages one vector a window ``(n, dim)`` over each sound: ``(sounds, dim)``, float64."""
        # A loop over sounds is several times as fast as numpy's reduceat.
        ends = np.cumsum([sound.windows for sound in self.sounds]).tolist()
        starts = [0, *ends[:-1]]
        return np.stack(
            [
                vectors[start:end].mean(axis=0, dtype=np.float64)
                for start, end in zip(starts, ends, strict=True)
            ]
        )


def cut(
    sounds: Iterable[tuple[Audio, str, str]], window: int, hop: int, batch_windows: int
) -> Iterator[WindowBatch]:
    """Cuts sounds into windows.

    Args:
      sounds: Samples, clip id and digest of each.
      window: Samples of a window; or ``WHOLE``: sounds as they are, a batch holds those of one length.
      hop: Samples between windows.
      batch_windows: A batch has at least so many windows of whole sounds; the last one may have fewer.
    """
    if window == WHOLE:
        yield from _whole(sounds)
        return
    pieces: list[Audio] = []
    held: list[Sound] = []
    for audio, clip_id, digest in sounds:
        offsets = window_offsets(len(audio), window, hop)
        pieces += [audio[offset : offset + window] for offset in offsets]
        held.append(Sound(clip_id, digest, len(offsets)))
        if len(pieces) >= batch_windows:
            yield WindowBatch(_as_windows(pieces, window), held)
            pieces, held = [], []
    if pieces:
        yield WindowBatch(_as_windows(pieces, window), held)


def _whole(sounds: Iterable[tuple[Audio, str, str]]) -> Iterator[WindowBatch]:
    """Sounds as they are; those of one length that follow each other share a batch."""
    for length, group in groupby(sounds, key=lambda sound: len(sound[0])):
        while some := list(islice(group, max(1, _WHOLE_SAMPLES // length))):
            held = [Sound(clip_id, digest, 1) for _, clip_id, digest in some]
            yield WindowBatch(_as_windows([audio for audio, _, _ in some], length), held)


def _as_windows(pieces: Sequence[Audio], window: int) -> Array:
    """Pieces of int16 as float32 in [-1, 1), padded with zeros at the end; copied only once."""
    windows = np.zeros((len(pieces), window), np.float32)
    for row, piece in zip(windows, pieces, strict=True):
        np.multiply(piece, np.float32(1 / 32768), out=row[: len(piece)])
    return windows


@dataclass
class ClipStream:
    """Reads records once; sound that several tasks share comes once.

    Attributes:
      records: The records to read.
      window: Samples of a window, or ``WHOLE``.
      hop: Samples between windows.
      entries: Complete when the stream has been read to its end.
      sounds: The distinct sounds; complete at the same time.
    """

    records: Iterable[NossClip]
    window: int
    hop: int
    entries: list[Entry] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)

    def batches(self, batch_windows: int) -> Iterator[WindowBatch]:
        """Windows of whole sounds, at least ``batch_windows`` of them but for the last batch."""
        for batch in cut(self._distinct(), self.window, self.hop, batch_windows):
            self.sounds += batch.sounds
            yield batch

    def _distinct(self) -> Iterator[tuple[Audio, str, str]]:
        """Each distinct sound (same samples, same sound): samples, first clip that uses it, digest."""
        seen: dict[str, int] = {}
        for clip in self.records:
            digest = hashlib.sha256(clip.audio.tobytes()).hexdigest()
            is_new = digest not in seen
            sound = seen.setdefault(digest, len(seen))
            self.entries.append(
                Entry(
                    clip_id=clip.clip_id,
                    task=clip.task,
                    split=clip.split,
                    label=clip.label,
                    speaker_id=clip.speaker_id,
                    sound=sound,
                    group=clip.group,
                    sex=clip.sex,
                    age=clip.age,
                    duration_s=len(clip.audio) / SAMPLE_RATE,
                )
            )
            if is_new:
                yield clip.audio, clip.clip_id, digest


def read_clips(artifact_uri: str) -> Iterator[NossClip]:
    """All clips of all splits, in the order of the shards.

    Raises:
      ValueError: If a split has no shard.
    """
    for split in SPLITS:
        shards = list_shards(artifact_uri, split)
        if not shards:
            raise ValueError(
                f"{artifact_uri} has no records of split {split!r}; needed are {', '.join(SPLITS)}"
            )
        for serialized in iterate_examples(shards):
            yield NossClip.from_example(serialized)
