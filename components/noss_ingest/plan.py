"""Which clips of the tasks are to be decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.audio.errors import Reason
from components.audio.requests import ClipRequest, quarantined
from components.noss_ingest.leaks import check_manifest
from components.noss_ingest.manifest import SPLITS, read_manifest
from components.noss_ingest.sources import TaskSource
from components.noss_ingest.subset import stratified_subset
from schemas.reports import QuarantinedClip


@dataclass(frozen=True)
class NossRequest(ClipRequest):
    """A clip of a task with what is known of it."""

    task: str
    split: str
    label: str
    speaker_id: str
    fold: str


@dataclass
class NossPlan:
    """The clips of all tasks.

    Attributes:
      rows: Rows by ``<task>/<split>``.
      requests: Clips to decode, by split.
      left_out: Clips that cannot be decoded, by ``<task>/<split>``.
    """

    rows: Counter[str] = field(default_factory=Counter)
    requests: dict[str, list[NossRequest]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    left_out: dict[str, list[QuarantinedClip]] = field(default_factory=dict)


def plan_ingestion(sources: Sequence[TaskSource], max_seconds: float) -> NossPlan:
    """Reads and checks all manifests.

    Leaks are looked for in the whole manifest, also where only a part of it is taken.

    Raises:
      ManifestError: If a manifest is malformed, incomplete or leaks.
    """
    plan = NossPlan()
    for source in sources:
        rows = read_manifest(source.manifest)
        check_manifest(rows, str(source.manifest), source.task.speaker_disjoint)
        taken: dict[str, int] = {}
        for row in stratified_subset(rows, source.limit):
            group, place = f"{source.task.name}/{row.split}", f"{source.manifest}:{row.line}"
            plan.rows[group] += 1
            clip_id = f"{source.task.name}/{row.file}"
            problem = None
            if row.path in taken:
                problem = (Reason.DUPLICATE, f"the same file as line {taken[row.path]}")
            elif not Path(row.path).is_file():
                problem = (Reason.MISSING, f"there is no file {row.path}")
            if problem:
                plan.left_out.setdefault(group, []).append(quarantined(clip_id, place, *problem))
                continue
            taken[row.path] = row.line
            plan.requests[row.split].append(
                NossRequest(
                    group=group,
                    clip_id=clip_id,
                    path=row.path,
                    source=place,
                    max_seconds=max_seconds,
                    task=source.task.name,
                    split=row.split,
                    label=row.label,
                    speaker_id=row.speaker_id,
                    fold=row.fold,
                )
            )
    return plan
