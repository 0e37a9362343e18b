"""Asking the teacher about batches of windows."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from components.common.audio.framing import to_float
from components.common.modeling.teachers import Teacher, TeacherError
from components.teacher_embedder.augmentation import Pcm, Wave
from components.teacher_embedder.windows import Window

Targets = np.ndarray[Any, np.dtype[np.float16]]

_FLOAT16_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Batch:
    """Windows with the sound that their targets are computed from.

    Attributes:
      windows: In their order.
      sounds: Arrays ``(n, samples)`` of one length each, float32.
      sound_of: For each window the array and the row in it.
    """

    windows: Sequence[Window]
    sounds: Sequence[Wave]
    sound_of: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class SharedTeacher:
    """A teacher for all threads of a process: it belongs to one of them at a time."""

    teacher: Teacher
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, batch: Batch) -> Targets:
        """Targets ``(windows, dim)`` of a batch.

        Raises:
          TeacherError: If an answer is not finite or does not fit float16, with the clip's name.
        """
        with self.lock:
            vectors = [self.teacher.embed(sounds) for sounds in batch.sounds]
        if len(vectors) == 1 and len(vectors[0]) == len(batch.windows):
            answers = vectors[0]
        else:
            answers = np.stack([vectors[array][row] for array, row in batch.sound_of])
        # A NaN fails the comparison too.
        if not np.abs(answers).max(initial=0.0) <= _FLOAT16_MAX:
            self._refuse(batch.windows, answers)
        return answers.astype(np.float16)

    def _refuse(self, windows: Sequence[Window], answers: Wave) -> None:
        for window, vector in zip(windows, answers, strict=True):
            place = (
                f"{self.teacher.description} answered the window at sample {window.offset} of clip "
                f"{window.clip_id} with"
            )
            bad = int(np.count_nonzero(~np.isfinite(vector)))
            if bad:
                raise TeacherError(f"{place} {bad} of {len(vector)} values that are not finite numbers")
            if np.abs(vector).max(initial=0.0) > _FLOAT16_MAX:
                raise TeacherError(
                    f"{place} {float(np.abs(vector).max()):g}; targets are stored as float16, "
                    f"at most {_FLOAT16_MAX:g}"
                )


def own_batches(windows: Iterator[Window], size: int) -> Iterator[Batch]:
    """Local matching: the teacher is given what the student is given."""
    while chosen := list(islice(windows, size)):
        sounds = to_float(np.stack([window.audio for window in chosen]))
        yield Batch(chosen, [sounds], [(0, row) for row in range(len(chosen))])


def clip_batches(windows: Iterable[Window], size: int) -> Iterator[Batch]:
    """Global matching: the teacher takes each whole clip once, clips of one length together.

    Args:
      windows: Those of a clip one after the other.
      size: Windows of a batch at least; the last clip's are not torn apart.
    """
    chosen: list[Window] = []
    for window in windows:
        if len(chosen) >= size and window.number != chosen[-1].number:
            yield _whole_clips(chosen)
            chosen = []
        chosen.append(window)
    if chosen:
        yield _whole_clips(chosen)


def _whole_clips(windows: Sequence[Window]) -> Batch:
    by_length: dict[int, dict[int, Pcm]] = defaultdict(dict)
    for window in windows:
        by_length[len(window.clip)].setdefault(window.number, window.clip)
    places = {
        number: (array, row)
        for array, clips in enumerate(by_length.values())
        for row, number in enumerate(clips)
    }
    sounds = [to_float(np.stack(list(clips.values()))) for clips in by_length.values()]
    return Batch(windows, sounds, [places[window.number] for window in windows])
