"""One shard of clips to one shard of windows, on one worker.

Reading and cutting, the teacher, and writing have a thread each, so the teacher waits for neither disk nor
serialisation. A shard that an earlier execution finished is taken up instead.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.common.audio.ahead import work_ahead
from components.common.audio.kept_shards import KeptShards
from components.common.audio.record_sum import RecordSum
from components.common.modeling.teachers import load_teacher
from components.common.store.computed import key_of
from components.common.store.publishing import publish
from components.common.store.shards import iterate_examples, write_shard
from components.common.store.tfrecord import framing_digest
from components.teacher_embedder.leaks import HeldOutSounds
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.statistics import ShardSummary
from components.teacher_embedder.teacher_inference import (
    Batch,
    SharedTeacher,
    Targets,
    clip_batches,
    own_batches,
)
from components.teacher_embedder.windows import cut_clips
from schemas.records import Clip, DistillationWindow, Storage

TRAIN = "train"

_LOG_EVERY_S = 10.0
_AHEAD = 4  # batches

_EMBEDDED = beam.metrics.Metrics.counter("tinytrill", "shards_embedded")
_RESUMED = beam.metrics.Metrics.counter("tinytrill", "shards_resumed")
_WINDOWS = beam.metrics.Metrics.counter("tinytrill", "windows_embedded")

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
class Embedding:
    """How shards are embedded: only what travels to a worker.

    Attributes:
      settings: :class:`TeacherEmbedderSettings` as a parameter.
      seed: Of the augmentation.
      trained_uri: Folder of the trained teacher, or empty.
      teacher_digest: Of the teacher's files.
      code_digest: Of the code.
      held_out: File of the sounds that must not be learnt from, or empty.
      held_out_digest: Of these sounds.
      scratch_dir: Where finished shards are kept; empty: nowhere.
    """

    settings: str
    seed: int
    trained_uri: str = ""
    teacher_digest: str = ""
    code_digest: str = ""
    held_out: str = ""
    held_out_digest: str = ""
    scratch_dir: str = ""

    @property
    def kept(self) -> KeptShards:
        """Where finished shards are."""
        return KeptShards(self.scratch_dir, "TeacherEmbedder")

    def key(self, job: ShardJob) -> tuple[str, str]:
        """Digests of what a shard depends on: of clips, windows and teacher, and of what is held out.

        The second only decides which clips are left out, so a shard in which these stay the same need not
        be embedded again when the held-out sounds change.
        """
        settings = TeacherEmbedderSettings.from_parameter(self.settings)
        augment = settings.augment if job.split == TRAIN and settings.augment.copies else None
        base = key_of(
            self.code_digest,
            self.teacher_digest,
            settings.model_dump_json(include=_DECISIVE),
            augment.model_dump_json() if augment else "",
            self.seed if augment else 0,
            job.split,
            framing_digest(job.source),
        )
        return base, self.held_out_digest[:16] or "none"


# Neither the teacher's description, whose files have a digest, nor what is known of it by other ways.
_DECISIVE = {"window_samples", "hop_samples", "silence_peak", "matching", "batch_size", "storage"}


class EmbedShard(beam.DoFn):
    """Writes the windows of a shard, and its summary; a process loads the teacher once."""

    def __init__(self, embedding: Embedding, summaries: str, shared: Shared | None = None) -> None:
        """Takes only what travels to a worker.

        Args:
          embedding: How shards are embedded.
          summaries: Folder for the summaries.
          shared: Handle of the teacher, if this process has loaded it already.
        """
        self._embedding, self._summaries, self._shared = embedding, summaries, shared or Shared()
        self._shared_sounds = Shared()

    def process(self, job: ShardJob) -> None:
        """Embeds one shard, or takes it up."""
        summary = self._embed(job)
        with publish(Path(self._summaries) / f"{job.split}-{job.index:05d}.json") as partial:
            partial.write_text(json.dumps(vars(summary)), encoding="utf-8")

    def _embed(self, job: ShardJob) -> ShardSummary:
        embedding, kept = self._embedding, self._embedding.kept
        base, rest = embedding.key(job)
        key = f"{base}-{rest}"
        summary = _take_up(kept, key, job)
        sounds = self._shared_sounds.acquire(lambda: HeldOutSounds.open(embedding.held_out))
        if summary is None:
            summary = _with_other_sounds(kept, base, key, job, sounds)
        if summary is not None:
            _InferenceProgress(job, 1).finish(summary)
            _RESUMED.inc()
            return summary
        settings = TeacherEmbedderSettings.from_parameter(embedding.settings)
        teacher = self._shared.acquire(lambda: shared_teacher(settings, embedding.trained_uri))
        summary = embed_shard(job, teacher, settings, embedding.seed, sounds)
        if kept.folder is not None:
            summary.kept_as = key
            _keep(kept, key, job, summary)
        _EMBEDDED.inc()
        _WINDOWS.inc(summary.windows)
        return summary


def shared_teacher(settings: TeacherEmbedderSettings, trained_uri: str) -> SharedTeacher:
    """Loads the teacher, ready to be asked by any thread.

    Raises:
      TeacherError: If it cannot be loaded.
    """
    return SharedTeacher(load_teacher(settings.teacher, trained_uri or None))


def _take_up(kept: KeptShards, key: str, job: ShardJob) -> ShardSummary | None:
    said = kept.take(key, job.target)
    if said is None:
        return None
    summary = ShardSummary(**json.loads(said))
    return dataclasses.replace(summary, index=job.index, kept_as=key, resumed=True)


def _keep(kept: KeptShards, key: str, job: ShardJob, summary: ShardSummary) -> None:
    kept.keep(key, job.target, job.split, summary.record_sum, json.dumps(vars(summary)))


def _with_other_sounds(
    kept: KeptShards, base: str, key: str, job: ShardJob, sounds: HeldOutSounds
) -> ShardSummary | None:
    """Takes up a shard that was made while other sounds were held out, if that leaves out the same clips."""
    others = kept.keys(f"{base}-")
    if not others:
        return None
    left_out = [
        clip.model_dump() for one in _clips(job.source) if (clip := sounds.leaves_out(one, job.source))
    ]
    for other in others:
        said = kept.summary(other)
        if said is None or {c["clip_id"] for c in json.loads(said)["left_out"]} != {
            c["clip_id"] for c in left_out
        }:
            continue
        summary = _take_up(kept, other, job)
        if summary is not None:
            summary = dataclasses.replace(summary, left_out=left_out, kept_as=key)
            _keep(kept, key, job, summary)
            return summary
    return None


def embed_shard(
    job: ShardJob,
    teacher: SharedTeacher,
    settings: TeacherEmbedderSettings,
    seed: int,
    sounds: HeldOutSounds,
) -> ShardSummary:
    """Reads, cuts, augments, asks the teacher and writes; all or nothing.

    Raises:
      TeacherError: If the teacher's answer is not finite or does not fit float16, with the clip's name.
    """
    summary, records = ShardSummary(job.split, job.index), RecordSum()
    progress = _InferenceProgress(job, Path(job.source).stat().st_size)
    clips = _allowed(progress.count(_clips(job.source)), sounds, job.source, summary)
    windows = cut_clips(clips, settings, seed if job.split == TRAIN else None, summary)
    batched = clip_batches if settings.matching == "global" else own_batches
    batches = work_ahead(batched(windows, settings.batch_size), _AHEAD, "windows")
    answers = work_ahead(((batch, teacher.answer(batch)) for batch in batches), _AHEAD, "teacher")
    write_shard(job.target, _records(answers, settings.storage, summary, records, progress))
    summary.record_sum = records.text
    progress.finish(summary)
    return summary


def _clips(source: str) -> Iterator[Clip]:
    return map(Clip.from_example, iterate_examples([source]))


def _allowed(
    clips: Iterable[Clip], sounds: HeldOutSounds, source: str, summary: ShardSummary
) -> Iterator[Clip]:
    for clip in clips:
        left_out = sounds.leaves_out(clip, source)
        if left_out is None:
            yield clip
        else:
            summary.left_out.append(left_out.model_dump())


def _records(
    answers: Iterable[tuple[Batch, Targets]],
    storage: Storage,
    summary: ShardSummary,
    records: RecordSum,
    progress: _InferenceProgress,
) -> Iterator[bytes]:
    for batch, targets in answers:
        summary.add(targets)
        for window, target in zip(batch.windows, targets, strict=True):
            summary.augmented += window.is_augmented
            record = DistillationWindow(window.clip_id, window.offset, window.audio, target).to_example(
                storage
            )
            records.add(summary.split, record)
            yield record
        progress.report(summary)


class _InferenceProgress:
    """A line every few seconds: how much of the whole is done, and how fast."""

    def __init__(self, job: ShardJob, size: int) -> None:
        self._job, self._size, self._read = job, max(1, size), 0
        self._started = self._reported = time.monotonic()

    def count(self, clips: Iterable[Clip]) -> Iterator[Clip]:
        """The clips, counted by their size."""
        for clip in clips:
            self._read += clip.audio.nbytes
            yield clip

    def report(self, summary: ShardSummary) -> None:
        if time.monotonic() - self._reported >= _LOG_EVERY_S:
            self._log(min(1.0, self._read / self._size), summary)

    def finish(self, summary: ShardSummary) -> None:
        self._log(1.0, summary)

    def _log(self, share: float, summary: ShardSummary) -> None:
        self._reported = time.monotonic()
        done = self._job.done_before + share * (self._job.done_after - self._job.done_before)
        if summary.resumed:
            log.info("teacher: %.0f %% done, shard finished before (%s)", 100 * done, self._job.split)
            return
        speed = summary.windows / max(self._reported - self._started, 1e-9)
        log.info("teacher: %.0f %% done, %.0f windows/s (%s)", 100 * done, speed, self._job.split)


def collect_summaries(folder: Path) -> list[ShardSummary]:
    """Reads the summaries of all shards, in the order of splits and shards, and removes the folder."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    shutil.rmtree(folder)
    return sorted((ShardSummary(**row) for row in rows), key=lambda shard: (shard.split, shard.index))
