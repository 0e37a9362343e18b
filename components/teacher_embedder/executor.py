"""Asks the teacher about every window of the corpus."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.common.audio.record_sum import digest_of
from components.common.store.shards import clear_unfinished, list_shards, shard_path
from components.common.store.tfrecord import count_records
from components.common.tfx.executors import BeamTaskExecutor
from components.teacher_embedder.component import TeacherEmbedder
from components.teacher_embedder.leaks import HeldOutSounds
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.shards import (
    TRAIN,
    Embedding,
    EmbedShard,
    ShardJob,
    collect_summaries,
    shared_teacher,
)
from components.teacher_embedder.statistics import ShardSummary, mean_and_deviation
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.teachers import check_teacher, licence_of

SPLITS = (TRAIN, "eval")

log = logging.getLogger("tinytrill.teacher_embedder")


class Executor(BeamTaskExecutor[TeacherEmbedder]):
    """Plans the shards, has them embedded, writes the targets' statistics."""

    def run(self, task: TeacherEmbedder) -> None:
        """Embeds both splits.

        With a ``scratch_dir`` finished shards outlive a killed execution, and the next one takes them up.

        Raises:
          ValueError: If a split has no window in which something sounds, or a teacher's file is missing.
          TeacherError: If the teacher cannot be loaded or answers with something that is not finite.
          RuntimeError: If clips were lost or done twice.
        """
        started = time.monotonic()
        examples_uri, windows_uri, settings = task.examples.uri, task.windows.uri, task.settings
        trained_uri = task.teacher.uri if task.teacher else ""
        ingested = IngestReport.load(task.report.uri) if task.report else None
        check_teacher(settings.teacher)
        shared = Shared()
        teacher = _describe(settings, trained_uri, shared)
        log.info("teacher %s, %d dimensions", teacher.description, sum(teacher.blocks))

        jobs = plan_jobs(examples_uri, windows_uri)
        Path(windows_uri).mkdir(parents=True, exist_ok=True)
        held_out = _hold_out(task)
        embedding = Embedding(
            settings=settings.to_parameter(),
            seed=task.seed,
            trained_uri=trained_uri,
            teacher_digest=teacher.digest,
            code_digest=task.code_digest,
            held_out=held_out.path,
            held_out_digest=held_out.digest,
            scratch_dir=task.scratch_dir,
        )
        embedding.kept.tidy()
        summaries = self._embed(jobs, embedding, shared, Path(windows_uri))
        HeldOutSounds.remove(held_out.path)
        by_split = {split: [shard for shard in summaries if shard.split == split] for split in SPLITS}
        _check_complete(jobs, summaries, ingested)
        clear_unfinished(windows_uri)
        _refuse_silence(by_split, examples_uri)
        left_out = {split: _count_left_out(shards) for split, shards in by_split.items()}
        _tell(summaries, left_out)
        _list_left_out(summaries, windows_uri)
        mean, deviation = mean_and_deviation(by_split[TRAIN])
        DistillationSetInfo(
            teacher=teacher.description,
            teacher_digest=teacher.digest,
            teacher_licence=licence_of(settings.teacher),
            window_samples=settings.window_samples,
            hop_samples=settings.hop_samples,
            target_dim=sum(teacher.blocks),
            target_blocks=teacher.blocks,
            target_mean=mean,
            target_std=deviation,
            windows={split: sum(shard.windows for shard in shards) for split, shards in by_split.items()},
            augmented={split: sum(shard.augmented for shard in shards) for split, shards in by_split.items()},
            silent_windows={split: sum(s.silent for s in shards) for split, shards in by_split.items()},
            clips={split: sum(shard.clips for shard in shards) for split, shards in by_split.items()},
            left_out=left_out,
            storage=settings.storage,
            synthetic=ingested is not None and ingested.synthetic,
            digest=digest_of(shard.record_sum for shard in summaries),
            seconds=time.monotonic() - started,
        ).save(windows_uri)
        embedding.kept.clear({shard.kept_as for shard in summaries})

    def _embed(
        self, jobs: list[ShardJob], embedding: Embedding, shared: Shared, folder: Path
    ) -> list[ShardSummary]:
        """Runs the shards on the workers, in one step: some runners start their workers anew for each."""
        summaries = folder / ".summaries"
        embed = EmbedShard(embedding, str(summaries), shared)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(jobs)
                | "Spread" >> beam.Reshuffle()
                | "Embed" >> beam.ParDo(embed)
            )
        return collect_summaries(summaries)


def plan_jobs(examples_uri: str, windows_uri: str) -> list[ShardJob]:
    """One job for each shard of clips; shares of the work go by the size of the files.

    Raises:
      ValueError: If a split has no shard.
    """
    shards = [(split, list_shards(examples_uri, split)) for split in SPLITS]
    for split, paths in shards:
        if not paths:
            raise ValueError(f"{examples_uri} has no clip records in the split {split!r}")
    whole = sum(path.stat().st_size for _, paths in shards for path in paths) or 1
    jobs, done = [], 0
    for split, paths in shards:
        for index, path in enumerate(paths):
            before, done = done, done + path.stat().st_size
            target = shard_path(windows_uri, split, index, len(paths))
            jobs.append(ShardJob(split, index, str(path), str(target), before / whole, done / whole))
    return jobs


@dataclass(frozen=True)
class _TeacherFacts:
    """What is written of a teacher; the teacher itself lives on the workers only."""

    description: str
    digest: str
    blocks: list[int]


def _describe(settings: TeacherEmbedderSettings, trained_uri: str, shared: Shared) -> _TeacherFacts:
    """What is known of the teacher; it stays loaded for workers of this process."""
    teacher = shared.acquire(lambda: shared_teacher(settings, trained_uri)).teacher
    return _TeacherFacts(teacher.description, teacher.digest, teacher.blocks)


@dataclass(frozen=True)
class _HeldOut:
    """Where the workers find the sounds that must not be learnt from; empty: there are none."""

    path: str = ""
    digest: str = ""


def _hold_out(task: TeacherEmbedder) -> _HeldOut:
    if task.settings.noss_duplicates == "keep" or not task.noss:
        return _HeldOut()
    sounds = HeldOutSounds.of(task.noss.uri, task.min_test_speakers)
    log.info("looking for %d clips that the tasks test in the corpus", len(sounds.names))
    return _HeldOut(sounds.save(task.windows.uri), sounds.digest)


def _check_complete(
    jobs: list[ShardJob], summaries: list[ShardSummary], ingested: IngestReport | None
) -> None:
    """Counts that each clip was embedded or left out, once.

    Args:
      jobs: What was to be done.
      summaries: What was done.
      ingested: What ingestion counted, if it is known.
    """
    for split in SPLITS:
        wanted = sum(count_records(job.source) for job in jobs if job.split == split)
        mine = [shard for shard in summaries if shard.split == split]
        found = sum(shard.clips + shard.silent_clips + len(shard.left_out) for shard in mine)
        shards = sorted(shard.index for shard in mine)
        if found != wanted or shards != sorted(job.index for job in jobs if job.split == split):
            raise RuntimeError(
                f"split {split!r} has {wanted} clips, but {found} were embedded or left out, "
                f"in the shards {shards}"
            )
        counted = ingested.splits.get(split) if ingested else None
        if counted and counted.clips != wanted:
            raise RuntimeError(f"split {split!r} has {wanted} clips, but ingestion wrote {counted.clips}")


def _count_left_out(shards: list[ShardSummary]) -> dict[str, int]:
    reasons = Counter(clip["reason"] for shard in shards for clip in shard.left_out)
    reasons["silent"] = sum(shard.silent_clips for shard in shards)
    return {reason: count for reason, count in sorted(reasons.items()) if count}


def _list_left_out(summaries: list[ShardSummary], folder: str) -> None:
    with (Path(folder) / DistillationSetInfo.LEFT_OUT).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(clip) + "\n" for shard in summaries for clip in shard.left_out)


def _tell(summaries: list[ShardSummary], left_out: dict[str, dict[str, int]]) -> None:
    resumed = sum(shard.resumed for shard in summaries)
    if resumed:
        log.info(
            "%d of %d shards were finished before, %d were embedded now",
            resumed, len(summaries), len(summaries) - resumed,
        )  # fmt: skip
    for split, reasons in left_out.items():
        if reasons:
            log.info("%s: clips left out: %s", split, reasons)


def _refuse_silence(by_split: dict[str, list[ShardSummary]], examples_uri: str) -> None:
    for split, shards in by_split.items():
        if not any(shard.windows for shard in shards):
            silent = sum(shard.silent for shard in shards)
            raise ValueError(
                f"the split {split!r} of {examples_uri} gives no window with sound ({silent} silent ones)"
            )
