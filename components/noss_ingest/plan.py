"""Which clips of the tasks are to be decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.common.audio.errors import Reason
from components.common.audio.requests import quarantined
from components.noss_ingest.requests import NossRequest
from components.noss_ingest.rows import SPLITS, TaskRow
from components.noss_ingest.sources import FoundTask
from components.noss_ingest.subset import stratified_subset
from schemas.ingest_reports import QuarantinedClip


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


def plan_ingestion(tasks: Sequence[FoundTask], max_seconds: float) -> NossPlan:
    """Asks for the clips of all tasks, or for the part of them that their limits leave.

    Args:
      tasks: With their rows, checked.
      max_seconds: Longer clips are cut.
    """
    plan = NossPlan()
    for task in tasks:
        taken: dict[Hashable, TaskRow] = {}
        for row in stratified_subset(task.rows, task.limit):
            request = request_of(row, task.record.name, max_seconds)
            plan.rows[request.group] += 1
            first = taken.setdefault((row.path, row.start_s, row.tfds), row)
            if first is not row:
                problem = (Reason.DUPLICATE, f"the same sound as {first.file} at {first.place}")
            elif row.path and not Path(row.path).is_file():
                problem = (Reason.MISSING, f"there is no file {row.path}")
            else:
                plan.requests[row.split].append(request)
                continue
            left_out = quarantined(request.clip_id, row.place, *problem)
            plan.left_out.setdefault(request.group, []).append(left_out)
    return plan


def request_of(row: TaskRow, task: str, max_seconds: float) -> NossRequest:
    """What a row of a task asks for.

    Args:
      row: Of its manifest.
      task: Its name.
      max_seconds: Longer clips are cut.
    """
    group = f"{task}/{row.split}"
    return NossRequest(
        group=group,
        clip_id=f"{task}/{row.file}",
        path=row.path,
        source=row.place,
        max_seconds=max_seconds if row.seconds is None else min(row.seconds, max_seconds),
        start_seconds=row.start_s,
        pack=f"{group}/{row.tfds.split}" if row.tfds else "",
        task=task,
        split=row.split,
        label=row.label,
        speaker_id=row.speaker_id,
        fold=row.fold,
        sex=row.sex,
        age=row.age,
        tfds=row.tfds,
        seconds=row.seconds,
    )
