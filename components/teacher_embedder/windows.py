"""The windows of a shard's clips, as they are and changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.common.audio.framing import to_float, window_offsets
from components.teacher_embedder.augmentation import Pcm, Wave, augment, count_copies, generator
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.statistics import ShardSummary
from schemas.records import Clip


@dataclass(frozen=True)
class Window:
    """A window that the teacher is asked about.

    Attributes:
      number: Number of its clip in the shard.
      clip_id: Its clip.
      offset: First sample in the clip.
      audio: int16 samples.
      clip: int16 samples of the whole clip.
      is_augmented: Whether it was changed.
    """

    number: int
    clip_id: str
    offset: int
    audio: Pcm
    clip: Pcm
    is_augmented: bool


def cut_clips(
    clips: Iterable[Clip], settings: TeacherEmbedderSettings, seed: int | None, summary: ShardSummary
) -> Iterator[Window]:
    """The windows with sound, in the order of the clips; the others are counted.

    Args:
      clips: Of one shard. They are held on to only if one is mixed into another.
      settings: Which windows, and what is done to them.
      seed: Of the augmentation; None: nothing is augmented.
      summary: Counts clips and silent windows.
    """
    size, copied = settings.window_samples, settings.augment.copies if seed is not None else 0.0
    if copied and settings.augment.mixing.probability:
        clips = list(clips)
    others = _Others(clips if isinstance(clips, list) else [], size, settings)
    for number, clip in enumerate(clips):
        sounds = False
        for offset in window_offsets(len(clip.audio), size, settings.hop_samples):
            audio = _cut(clip.audio, offset, size)
            if _is_silent(audio, settings.silence_peak):
                summary.silent += 1
                continue
            sounds = True
            yield Window(number, clip.clip_id, offset, audio, clip.audio, False)
            if seed is None or not copied:
                continue
            for copy in range(count_copies(copied, generator(seed, clip.clip_id, offset, "copies"))):
                rng = generator(seed, clip.clip_id, offset, f"copy {copy}")
                changed = augment(clip.audio, offset, size, settings.augment, rng, others.draw)
                if _is_silent(changed, settings.silence_peak):
                    summary.silent += 1
                else:
                    yield Window(number, clip.clip_id, offset, changed, clip.audio, True)
        summary.clips += sounds
        summary.silent_clips += not sounds


class _Others:
    """Draws windows of the shard's clips."""

    def __init__(self, clips: Sequence[Clip], size: int, settings: TeacherEmbedderSettings) -> None:
        self._clips, self._size, self._hop = clips, size, settings.hop_samples

    def draw(self, rng: np.random.Generator) -> Wave:
        clip = self._clips[int(rng.integers(len(self._clips)))]
        offsets = window_offsets(len(clip.audio), self._size, self._hop)
        return to_float(_cut(clip.audio, offsets[int(rng.integers(len(offsets)))], self._size))


def _cut(audio: Pcm, offset: int, size: int) -> Pcm:
    window = audio[offset : offset + size]
    return window if len(window) == size else np.pad(window, (0, size - len(window)))


def _is_silent(audio: Pcm, silence_peak: float) -> bool:
    return (int(audio.max()) - int(audio.min())) / 2 / 32768 <= silence_peak
