"""Asks the teacher about every window of the corpus."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact, artifact_utils

from components.audio.record_sum import digest_of
from components.modeling.teachers import load_teacher
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_embedder.shards import (
    TRAIN,
    EmbedShard,
    ShardJob,
    read_summaries,
    write_summaries,
)
from components.teacher_embedder.statistics import ShardSummary, mean_and_deviation
from schemas.records import list_shards, shard_path
from schemas.reports import DistillationSetInfo, IngestReport
from schemas.teachers import check_teacher, licence_of

EXAMPLES_KEY = "examples"
TEACHER_KEY = "teacher"
REPORT_KEY = "report"
WINDOWS_KEY = "windows"
SETTINGS_KEY = "settings"
SEED_KEY = "seed"
CODE_DIGEST_KEY = "code_digest"
DATA_DIGEST_KEY = "data_digest"

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

        Raises:
          ValueError: If a split has no window in which something sounds, or a teacher's file is missing.
          TeacherError: If the teacher cannot be loaded or answers with something that is not finite.
        """
        started = time.monotonic()
        examples_uri = artifact_utils.get_single_uri(input_dict[EXAMPLES_KEY])
        windows_uri = artifact_utils.get_single_uri(output_dict[WINDOWS_KEY])
        settings = TeacherEmbedderSettings.from_parameter(exec_properties[SETTINGS_KEY])
        trained_uri = (
            artifact_utils.get_single_uri(input_dict[TEACHER_KEY]) if input_dict.get(TEACHER_KEY) else ""
        )
        check_teacher(settings.teacher)
        teacher = _describe(settings, trained_uri)
        log.info("teacher %s, %d dimensions", teacher.description, sum(teacher.blocks))

        summaries = self._embed(
            plan_jobs(examples_uri, windows_uri), exec_properties, trained_uri, Path(windows_uri)
        )
        by_split = {split: [shard for shard in summaries if shard.split == split] for split in SPLITS}
        _refuse_silence(by_split, examples_uri)
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
            synthetic=_is_synthetic(input_dict),
            digest=digest_of(shard.record_sum for shard in summaries),
            seconds=time.monotonic() - started,
        ).save(windows_uri)

    def _embed(
        self, jobs: list[ShardJob], exec_properties: dict[str, Any], trained_uri: str, folder: Path
    ) -> list[ShardSummary]:
        """Runs the shards on the workers and brings their summaries home."""
        folder.mkdir(parents=True, exist_ok=True)
        handover = folder / ".summaries.json"
        embed = EmbedShard(exec_properties[SETTINGS_KEY], exec_properties[SEED_KEY], trained_uri)
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


def _describe(settings: TeacherEmbedderSettings, trained_uri: str) -> _TeacherFacts:
    teacher = load_teacher(settings.teacher, trained_uri or None)
    return _TeacherFacts(teacher.description, teacher.digest, teacher.blocks)


def _refuse_silence(by_split: dict[str, list[ShardSummary]], examples_uri: str) -> None:
    for split, shards in by_split.items():
        if not any(shard.windows for shard in shards):
            silent = sum(shard.silent for shard in shards)
            raise ValueError(
                f"the split {split!r} of {examples_uri} gives no window with sound ({silent} silent ones)"
            )


def _is_synthetic(input_dict: dict[str, list[Artifact]]) -> bool:
    if not input_dict.get(REPORT_KEY):
        return False
    return IngestReport.load(artifact_utils.get_single_uri(input_dict[REPORT_KEY])).synthetic
