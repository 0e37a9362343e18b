"""NOSS records as a stream of distinct sounds and a list of who uses which."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.audio.framing import cut_windows, to_float
from schemas.records import SAMPLE_RATE, NossClip, iterate_examples, list_shards

SPLITS = ("train", "validation", "test")


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


@dataclass
class WindowBatch:
    """Windows of several whole clips.

    Attributes:
      windows: float32 ``(n, samples)`` in [-1, 1).
      counts: Windows of each clip, in order.
      clip_ids: The first clip that uses each sound.
    """

    windows: np.ndarray[Any, np.dtype[np.float32]]
    counts: list[int]
    clip_ids: list[str]

    def mean_by_clip(self, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Averages one vector a window ``(n, dim)`` over each clip: ``(clips, dim)``, float64 inside."""
        starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        return np.add.reduceat(vectors, starts, axis=0, dtype=np.float64) / np.array(self.counts)[:, None]


@dataclass
class ClipStream:
    """Reads records once; sound that several tasks share comes once.

    ``entries`` is complete when the stream has been read to its end.
    """

    records: Iterable[NossClip]
    entries: list[Entry] = field(default_factory=list)

    def sounds(self) -> Iterator[NossClip]:
        """The first clip of each distinct sound (same samples, same sound)."""
        seen: dict[bytes, int] = {}
        for clip in self.records:
            digest = hashlib.sha256(clip.audio.tobytes()).digest()
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
                yield clip

    def batches(self, window: int, hop: int, batch_windows: int) -> Iterator[WindowBatch]:
        """Windows of whole clips, at least ``batch_windows`` of them but for the last batch."""
        windows: list[np.ndarray[Any, Any]] = []
        clip_ids: list[str] = []
        held = 0
        for clip in self.sounds():
            windows.append(cut_windows(to_float(clip.audio), window, hop))
            clip_ids.append(clip.clip_id)
            held += len(windows[-1])
            if held >= batch_windows:
                yield _batch(windows, clip_ids)
                windows, clip_ids, held = [], [], 0
        if windows:
            yield _batch(windows, clip_ids)


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


def _batch(windows: list[np.ndarray[Any, Any]], clip_ids: list[str]) -> WindowBatch:
    return WindowBatch(np.concatenate(windows), [len(clip) for clip in windows], clip_ids)
