"""Reads all reports of a run: one that cannot be read costs what it tells of, and nothing else.

Teacher and comparison are what everything is held against: without them nothing can be judged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx.types import Artifact

from components.common.frontier.settings import GateDemands
from components.frontier_gate.component import FrontierGate
from components.frontier_gate.samples import held_against_samples
from schemas.comparison_reports import NossComparison
from schemas.latency_reports import LatencyReport, Machine
from schemas.noss_reports import NossModelResult, NossReport
from schemas.settings import UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import RefusedVariant

# What is left of a report that was cut short may still name what it is of.
_MOST_READ = 100_000

logger = logging.getLogger("tinytrill.frontier_gate")


@dataclass
class Reports:
    """All reports of a run.

    Attributes:
      teacher: The report of the teacher's results.
      comparison: Of all models, clip by clip.
      comparison_folder: Where it lies.
      converted: Of the converter, one a candidate.
      noss: Of the benchmark in the same order, each with the folder that holds its draws.
      students: Of the trainer, as far as the pipeline hands them over.
      latencies: One a device; of one that cannot be read a report that says so.
      beside: Results of baselines and reference models.
      refused: Files and candidates of which a report cannot be read.
      unread_baselines: Why reports of baselines or reference models cannot be read.
    """

    teacher: NossReport
    comparison: NossComparison
    comparison_folder: Path
    converted: list[TfliteReport] = field(default_factory=list)
    noss: list[tuple[NossReport, Path]] = field(default_factory=list)
    students: list[StudentInfo] = field(default_factory=list)
    latencies: list[LatencyReport] = field(default_factory=list)
    beside: list[NossModelResult] = field(default_factory=list)
    refused: list[RefusedVariant] = field(default_factory=list)
    unread_baselines: list[str] = field(default_factory=list)


def read_reports(task: FrontierGate) -> Reports:
    """Reads all reports that the gate is given.

    Raises:
      UnreadableReport: If the teacher's report or the comparison cannot be read.
    """
    found = Reports(
        NossReport.load(task.teacher.uri),
        NossComparison.load(task.comparison.uri),
        Path(task.comparison.uri),
    )
    _read_candidates(task, found)
    _read_latencies(_folders(task.latency), task.settings, found)
    reports = [found.teacher]
    for folder in reversed(_folders(task.baselines)):
        try:
            reports.insert(0, NossReport.load(folder))
        except UnreadableReport as error:
            found.unread_baselines.insert(0, str(error))
            logger.warning("a baseline or reference model is left out: %s", error)
    found.beside += [
        result for report in reports for result in report.results if result.kind in ("baseline", "reference")
    ]
    for one in found.refused:
        logger.warning("%s is refused: %s", one.point_id, one.reason)
    return found


def _read_candidates(task: FrontierGate, found: Reports) -> None:
    variants, reports = _folders(task.variants), _folders(task.noss)
    students: Sequence[Path | None] = _folders(task.students) or [None] * len(variants)
    for number, folders in enumerate(zip(variants, reports, students, strict=True), start=1):
        faults: list[str] = []
        converted = _read(TfliteReport, folders[0], faults)
        noss = _read(NossReport, folders[1], faults)
        student = _read(StudentInfo, folders[2], faults) if folders[2] else None
        if converted and noss and not faults:
            found.converted.append(converted)
            found.noss.append((noss, folders[1]))
            found.students += [student] if student else []
            continue
        name = _candidate_id(converted, noss, student, folders) or f"candidate {number}"
        names = [f"{name}/{variant.name}" for variant in converted.variants] if converted else []
        found.refused += [RefusedVariant(point_id=one, reason="; ".join(faults)) for one in names or [name]]


def _read_latencies(folders: Sequence[Path], settings: GateDemands, found: Reports) -> None:
    """Of a device whose report cannot be read a report of failure, under the name it most likely has."""
    faults: list[list[str]] = [[] for _ in folders]
    reports = [_read(LatencyReport, folder, fault) for folder, fault in zip(folders, faults, strict=True)]
    known = {report.machine.profile for report in reports if report}
    named = [*settings.budgets, *(device for goal in settings.goals for device in goal.devices)]
    for number, (folder, report, fault) in enumerate(zip(folders, reports, faults, strict=True), start=1):
        if report is None:
            said = _said(folder / LatencyReport.FILE, "profile")
            free = (name for name in (said, *named, f"device {number}") if name and name not in known)
            report = _lost(next(free), fault[0])
            known.add(report.machine.profile)
            logger.warning("%s: %s", report.machine.profile, report.failure)
        found.latencies.append(held_against_samples(report, folder))


def _lost(device: str, fault: str) -> LatencyReport:
    machine = Machine(
        profile=device, backend="host", name="not known", os="", runtime="", threads=0, is_device=False
    )
    return LatencyReport(
        machine=machine, sessions=0, rounds=0, reference=None, measurements=[],
        failure=f"the latency report cannot be read: {fault}",
    )  # fmt: skip


def _read(kind: Any, folder: Path, faults: list[str]) -> Any:
    try:
        return kind.load(folder)
    except UnreadableReport as error:
        faults.append(str(error))
        return None


def _candidate_id(
    converted: TfliteReport | None, noss: NossReport | None, student: StudentInfo | None, folders: Any
) -> str:
    if converted:
        return converted.candidate_id
    if student:
        return student.candidate_id
    if noss and noss.results:
        return noss.results[0].model
    return _said(folders[0] / TfliteReport.FILE, "candidate_id")


def _said(path: Path, key: str) -> str:
    """The first text under a key in a file that is not a whole JSON; empty if there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_READ).decode("utf-8", "replace")
    except OSError:
        return ""
    told = re.search(rf'"{key}"\s*:\s*"([^"\\]+)"', text)
    return told[1] if told else ""


def _folders(artifacts: Sequence[Artifact]) -> list[Path]:
    return [Path(artifact.uri) for artifact in artifacts]
