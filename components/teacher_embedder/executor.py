"""Asks the teacher about every window of the corpus."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact, artifact_utils

from components.common.audio.record_sum import digest_of
from components.teacher_embedder.leaks import HeldOutSounds
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.shards import (
    TRAIN,
    Embedding,
    EmbedShard,
    ShardJob,
    read_summaries,
    shared_teacher,
    write_summaries,
)
from components.teacher_embedder.statistics import ShardSummary, mean_and_deviation
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.records import list_shards, shard_path
from schemas.teachers import check_teacher, licence_of
from schemas.tfrecord import count_records

EXAMPLES_KEY = "examples"
TEACHER_KEY = "teacher"
REPORT_KEY = "report"
NOSS_KEY = "noss"
WINDOWS_KEY = "windows"
SETTINGS_KEY = "settings"
SEED_KEY = "seed"
CODE_DIGEST_KEY = "code_digest"
DATA_DIGEST_KEY = "data_digest"
SCRATCH_KEY = "scratch_dir"
MIN_TEST_SPEAKERS_KEY = "min_test_speakers"

SPLITS = (TRAIN, "eval")

log = logging.getLogger("tinytrill.teacher_embedder")


class Executor(BaseBeamExecutor):
    """Plans the shards, has them embedded, writes the targets' statistics."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Embeds both splits.

        With a ``scratch_dir`` finished shards outlive a killed execution, and the next one takes them up.

        Raises:
          ValueError: If a split has no window in which something sounds, or a teacher's file is missing.
          TeacherError: If the teacher cannot be loaded or answers with something that is not finite.
          RuntimeError: If clips were lost or done twice.
        """
        started = time.monotonic()
        examples_uri = artifact_utils.get_single_uri(input_dict[EXAMPLES_KEY])
        windows_uri = artifact_utils.get_single_uri(output_dict[WINDOWS_KEY])
        settings = TeacherEmbedderSettings.from_parameter(exec_properties[SETTINGS_KEY])
        trained_uri = (
            artifact_utils.get_single_uri(input_dict[TEACHER_KEY]) if input_dict.get(TEACHER_KEY) else ""
        )
        check_teacher(settings.teacher)
        shared = Shared()
        teacher = _describe(settings, trained_uri, shared)
        log.info("teacher %s, %d dimensions", teacher.description, sum(teacher.blocks))

        jobs = plan_jobs(examples_uri, windows_uri)
        Path(windows_uri).mkdir(parents=True, exist_ok=True)
        held_out = _hold_out(input_dict, settings, windows_uri, exec_properties[MIN_TEST_SPEAKERS_KEY])
        embedding = Embedding(
            settings=exec_properties[SETTINGS_KEY],
            seed=exec_properties[SEED_KEY],
            trained_uri=trained_uri,
            teacher_digest=teacher.digest,
            code_digest=exec_properties.get(CODE_DIGEST_KEY, ""),
            held_out=held_out.path,
            held_out_digest=held_out.digest,
            scratch_dir=exec_properties.get(SCRATCH_KEY, ""),
        )
        embedding.kept.tidy()
        summaries = self._embed(jobs, embedding, shared, Path(windows_uri))
        HeldOutSounds.remove(held_out.path)
        by_split = {split: [shard for shard in summaries if shard.split == split] for split in SPLITS}
        _check_complete(jobs, summaries, _ingested(input_dict))
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
            synthetic=_is_synthetic(input_dict),
            digest=digest_of(shard.record_sum for shard in summaries),
            seconds=time.monotonic() - started,
        ).save(windows_uri)
        embedding.kept.clear({shard.kept_as for shard in summaries})

    def _embed(
        self, jobs: list[ShardJob], embedding: Embedding, shared: Shared, folder: Path
    ) -> list[ShardSummary]:
        """Runs the shards on the workers and brings their summaries home."""
        handover = folder / ".summaries.json"
        embed = EmbedShard(embedding, shared)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(jobs)
                | "Spread" >> beam.Reshuffle()
                | "Embed" >> beam.ParDo(embed)
                | "Gather" >> beam.combiners.ToList()
                | "HandOver" >> beam.Map(write_summaries, str(handover))
            )
        summaries = read_summaries(str(handover))
        handover.unlink()
        return summaries


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


def _hold_out(
    input_dict: dict[str, list[Artifact]],
    settings: TeacherEmbedderSettings,
    folder: str,
    min_test_speakers: int,
) -> _HeldOut:
    if settings.noss_duplicates == "keep" or not input_dict.get(NOSS_KEY):
        return _HeldOut()
    sounds = HeldOutSounds.of(artifact_utils.get_single_uri(input_dict[NOSS_KEY]), min_test_speakers)
    log.info("looking for %d clips that the tasks test in the corpus", len(sounds.names))
    return _HeldOut(sounds.save(folder), sounds.digest)


def _check_complete(
    jobs: list[ShardJob], summaries: list[ShardSummary], ingested: dict[str, int] | None
) -> None:
    """Counts that each clip was embedded or left out, once.

    Args:
      jobs: What was to be done.
      summaries: What was done.
      ingested: Clips by split as ingestion counted them, if it is known.
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
        if ingested is not None and split in ingested and ingested[split] != wanted:
            raise RuntimeError(f"split {split!r} has {wanted} clips, but ingestion wrote {ingested[split]}")


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


def _is_synthetic(input_dict: dict[str, list[Artifact]]) -> bool:
    report = _ingest_report(input_dict)
    return report is not None and report.synthetic


def _ingested(input_dict: dict[str, list[Artifact]]) -> dict[str, int] | None:
    report = _ingest_report(input_dict)
    return {split: count.clips for split, count in report.splits.items()} if report else None


def _ingest_report(input_dict: dict[str, list[Artifact]]) -> IngestReport | None:
    if not input_dict.get(REPORT_KEY):
        return None
    return IngestReport.load(artifact_utils.get_single_uri(input_dict[REPORT_KEY]))
