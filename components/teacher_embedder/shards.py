"""One shard of clips to one shard of windows, on one worker."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from components.audio.framing import to_float, window_offsets
from components.audio.record_sum import RecordSum
from components.modeling.teachers import Teacher, TeacherError, load_teacher
from components.teacher_embedder.augmentation import Pcm, Wave, augment, count_copies, generator
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.statistics import ShardSummary
from schemas.records import Clip, DistillationWindow, iterate_examples, write_shard

TRAIN = "train"

_LOG_EVERY_S = 10.0
_FLOAT16_MAX = float(np.finfo(np.float16).max)

log = logging.getLogger("tinytrill.teacher_embedder")


@dataclass(frozen=True)
class ShardJob:
    """Work for one worker.

    Attributes:
      split: Split of the shard; only train is augmented.
      index: Number of the shard within its split.
      source: File of clip records.
      target: File of windows to write.
      done_before: Share of the whole work that lies in the shards before, 0 to 1.
      done_after: The same, this shard included.
    """

    split: str
    index: int
    source: str
    target: str
    done_before: float
    done_after: float


@dataclass(frozen=True)
class _Window:
    clip_id: str
    offset: int
    audio: Pcm
    clip: Pcm
    is_augmented: bool


class EmbedShard(beam.DoFn):
    """Writes the windows of a shard and gives back its summary; the teacher is loaded once a worker."""

    def __init__(self, settings: str, seed: int, trained_uri: str) -> None:
        """Takes only what travels to a worker: strings and numbers.

        Args:
          settings: :class:`TeacherEmbedderSettings` as a parameter.
          seed: Of the augmentation.
          trained_uri: Folder of the trained teacher, or empty.
        """
        self._settings_parameter, self._seed, self._trained_uri = settings, seed, trained_uri

    def setup(self) -> None:
        """Loads the teacher."""
        self._settings = TeacherEmbedderSettings.from_parameter(self._settings_parameter)
        self._teacher = load_teacher(self._settings.teacher, self._trained_uri or None)

    def process(self, job: ShardJob) -> Iterator[ShardSummary]:
        """Embeds one shard."""
        yield embed_shard(job, self._teacher, self._settings, self._seed)


def embed_shard(
    job: ShardJob, teacher: Teacher, settings: TeacherEmbedderSettings, seed: int
) -> ShardSummary:
    """Cuts, augments, asks the teacher and writes; all or nothing.

    Raises:
      TeacherError: If the teacher's answer is not finite or does not fit float16, with the clip's name.
    """
    clips = [Clip.from_example(example) for example in iterate_examples([job.source])]
    summary = ShardSummary(job.split, job.index)
    windows = _windows(clips, settings, seed if job.split == TRAIN else None, summary)
    progress = _Progress(job, len(clips))
    matched = _WholeClips(teacher) if settings.matching == "global" else _OwnWindows(teacher)
    embedded, records = _embedded(windows, matched, settings.batch_size, summary, progress), RecordSum()
    write_shard(job.target, _counted(embedded, job.split, records))
    summary.record_sum = records.text
    progress.finish(summary)
    return summary


def _windows(
    clips: Sequence[Clip], settings: TeacherEmbedderSettings, seed: int | None, summary: ShardSummary
) -> Iterator[tuple[int, _Window]]:
    """Number of the clip and window, in the order of the clips; without a seed nothing is augmented."""
    size = settings.window_samples
    others = _Others(clips, size, settings)
    for number, clip in enumerate(clips):
        for offset in window_offsets(len(clip.audio), size, settings.hop_samples):
            audio = _cut(clip.audio, offset, size)
            if _is_silent(audio, settings.silence_peak):
                summary.silent += 1
                continue
            yield number, _Window(clip.clip_id, offset, audio, clip.audio, False)
            if seed is None or not settings.augment.copies:
                continue
            copies = count_copies(settings.augment.copies, generator(seed, clip.clip_id, offset, "copies"))
            for copy in range(copies):
                rng = generator(seed, clip.clip_id, offset, f"copy {copy}")
                changed = augment(clip.audio, offset, size, settings.augment, rng, others.draw)
                if not _is_silent(changed, settings.silence_peak):
                    yield number, _Window(clip.clip_id, offset, changed, clip.audio, True)


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


def _embedded(
    windows: Iterator[tuple[int, _Window]],
    matched: _OwnWindows,
    batch_size: int,
    summary: ShardSummary,
    progress: _Progress,
) -> Iterator[bytes]:
    """Serialised windows with their targets, asked in batches."""
    batch: list[_Window] = []
    for number, window in windows:
        batch.append(window)
        if len(batch) == batch_size:
            yield from _ask(batch, matched, summary)
            progress.report(number, summary)
            batch = []
    if batch:
        yield from _ask(batch, matched, summary)


def _counted(examples: Iterator[bytes], split: str, records: RecordSum) -> Iterator[bytes]:
    for example in examples:
        records.add(split, example)
        yield example


class _OwnWindows:
    """Local matching: the teacher hears what the student hears."""

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher

    def targets(self, batch: Sequence[_Window]) -> Wave:
        return self.teacher.embed(to_float(np.stack([window.audio for window in batch])))


class _WholeClips(_OwnWindows):
    """Global matching: the teacher hears the whole clip, once; its windows come one after the other."""

    _clip_id: str | None = None
    _target: Wave

    def targets(self, batch: Sequence[_Window]) -> Wave:
        return np.stack([self._of(window) for window in batch])

    def _of(self, window: _Window) -> Wave:
        if window.clip_id != self._clip_id:
            self._target = self.teacher.embed(to_float(window.clip)[np.newaxis])[0]
            self._clip_id = window.clip_id
        return self._target


def _ask(batch: Sequence[_Window], matched: _OwnWindows, summary: ShardSummary) -> Iterator[bytes]:
    teacher, vectors = matched.teacher, matched.targets(batch)
    for window, vector in zip(batch, vectors, strict=True):
        if not np.isfinite(vector).all():
            bad = int(np.count_nonzero(~np.isfinite(vector)))
            raise TeacherError(
                f"{teacher.description} answered the window at sample {window.offset} of clip "
                f"{window.clip_id} with {bad} of {len(vector)} values that are not finite numbers"
            )
        if np.abs(vector).max(initial=0.0) > _FLOAT16_MAX:
            raise TeacherError(
                f"{teacher.description} answered the window at sample {window.offset} of clip "
                f"{window.clip_id} with {float(np.abs(vector).max()):g}; targets are stored as float16, "
                f"at most {_FLOAT16_MAX:g}"
            )
    targets = vectors.astype(np.float16)
    summary.add(targets)
    for window, target in zip(batch, targets, strict=True):
        summary.augmented += window.is_augmented
        yield DistillationWindow(window.clip_id, window.offset, window.audio, target).to_example()


class _Progress:
    """A line every few seconds: how much of the whole is done, and how fast."""

    def __init__(self, job: ShardJob, clips: int) -> None:
        self._job, self._clips = job, max(1, clips)
        self._started = self._reported = time.monotonic()

    def report(self, clip_number: int, summary: ShardSummary) -> None:
        if time.monotonic() - self._reported >= _LOG_EVERY_S:
            self._log((clip_number + 1) / self._clips, summary)

    def finish(self, summary: ShardSummary) -> None:
        self._log(1.0, summary)

    def _log(self, share: float, summary: ShardSummary) -> None:
        self._reported = time.monotonic()
        done = self._job.done_before + share * (self._job.done_after - self._job.done_before)
        speed = summary.windows / max(self._reported - self._started, 1e-9)
        log.info("teacher: %.0f %% done, %.0f windows/s (%s)", 100 * done, speed, self._job.split)


def write_summaries(summaries: Sequence[ShardSummary], path: str) -> None:
    """Hands the summaries from the workers back to the executor."""
    rows: list[dict[str, Any]] = [vars(summary) for summary in summaries]
    Path(path).write_text(json.dumps(rows), encoding="utf-8")


def read_summaries(path: str) -> list[ShardSummary]:
    """Reads what :func:`write_summaries` wrote, in the order of splits and shards."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    return sorted((ShardSummary(**row) for row in rows), key=lambda shard: (shard.split, shard.index))
