"""All that the pusher is given."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfx.types import Artifact

from components.common.tfx.input_keys import input_key
from components.frontier_pusher.candidates import (
    Candidate,
    Metadata,
    blessings_by_point,
    metadata_of,
    read_candidates,
)
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.origin import Origin, is_corpus
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.push_reports import ModelDescription
from schemas.settings import UnreadableReport
from schemas.verdicts import Verdict

logger = logging.getLogger("tinytrill.frontier_pusher")


@dataclass(frozen=True)
class JudgedRun:
    """A run that came to a verdict.

    Attributes:
      verdict: The gate's decision.
      verdict_folder: Where it lies, with its pages.
      candidates: All, by id.
      latencies: One report a device.
      origin: What all models were made from and judged by.
      reports: Files of the reports that are not a candidate's, by the folder to store them in.
      metadata: What ML Metadata calls the inputs that are not a candidate's.
    """

    verdict: Verdict
    verdict_folder: Path
    candidates: Mapping[str, Candidate]
    latencies: list[LatencyReport]
    origin: Origin
    reports: Mapping[str, Path]
    metadata: Metadata

    def descriptions(self, run_name: str, run_key: str) -> list[ModelDescription]:
        """What is said of each blessed point.

        Raises:
          ValueError: If devices judged different files by one name, the benchmark has no result of one, or
            reports of its candidate could not be read.
        """
        blessed = {point.candidate_id: point.point_id for _, point in self.verdict.blessed}
        if unread := sorted(blessed[name] for name in blessed.keys() - self.candidates.keys()):
            names = ", ".join(unread)
            raise ValueError(f"blessed, but reports of their candidates cannot be read: {names}")
        return [
            self.candidates[blessings[0].point.candidate_id].description(
                blessings, self.verdict, self.origin, run_name, run_key
            )
            for blessings in blessings_by_point(self.verdict).values()
        ]


def read_inputs(task: FrontierPusher) -> JudgedRun:
    """Reads all reports; what the gate could not read of candidates and devices is left out here too.

    Raises:
      UnreadableReport: If the verdict, or what tells of corpus, windows or teacher, cannot be read.
    """
    verdict_folder, windows, teacher = Path(task.verdict.uri), task.windows, task.teacher
    latency_folders = [Path(report.uri) for report in task.latency]
    latencies = {folder: report for folder in latency_folders if (report := _latency(folder))}
    sources = {Path(report.uri): IngestReport.load(report.uri) for report in task.sources}
    return JudgedRun(
        Verdict.load(verdict_folder),
        verdict_folder,
        read_candidates(task),
        list(latencies.values()),
        Origin(
            DistillationSetInfo.load(windows.uri),
            windows.uri,
            list(sources.values()),
            NossReport.load(teacher.uri),
        ),
        {
            "": Path(windows.uri, DistillationSetInfo.FILE),
            "teacher": Path(teacher.uri, NossReport.FILE),
            **{latency.machine.profile: folder / LatencyReport.FILE for folder, latency in latencies.items()},
            **{
                "corpus" if is_corpus(report) else "tasks": folder / IngestReport.FILE
                for folder, report in sources.items()
            },
        },
        metadata_of(_common(task)),
    )


def _latency(folder: Path) -> LatencyReport | None:
    try:
        return LatencyReport.load(folder)
    except UnreadableReport as error:
        logger.warning("a device's report is left out: %s", error)
        return None


def _common(task: FrontierPusher) -> dict[str, Artifact]:
    return {
        "verdict": task.verdict,
        "teacher": task.teacher,
        "windows": task.windows,
        **{input_key("latency", index): report for index, report in enumerate(task.latency)},
        **{input_key("source", index): report for index, report in enumerate(task.sources)},
    }
