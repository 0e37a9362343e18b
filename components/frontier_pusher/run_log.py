"""The whole run in MLflow: the pipeline's run and one nested run a candidate, blessed or not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from components.frontier_pusher import metrics
from components.frontier_pusher.candidates import Candidate
from components.tracking.tracker import Tracker
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.reports import DistillationSetInfo, StudentInfo, TfliteReport
from schemas.verdicts import Verdict

CONFIG_FILE = "config.json"
VERDICT_FOLDER = "verdict"
REPORTS_FOLDER = "reports"


def log_pipeline_run(
    tracker: Tracker,
    parent: str,
    verdict: Verdict,
    verdict_folder: Path,
    teacher: NossReport,
    latencies: Sequence[Path],
    windows: Path,
    config_json: str,
) -> None:
    """The parent run: counts, teacher, baselines, verdict, pictures and pages, the configuration.

    Args:
      tracker: The store.
      parent: Id of the run.
      verdict: The gate's decision.
      verdict_folder: Where it lies, with its pages.
      teacher: Benchmark of the teacher.
      latencies: Folders of the latency reports, one a device.
      windows: Folder of the distillation set.
      config_json: The run's configuration; may be empty.
    """
    tracker.log_parameters(parent, metrics.run_parameters(verdict))
    tracker.log_metrics(parent, metrics.run_metrics(verdict, teacher))
    for name in (Verdict.FILE, Verdict.PICTURE, Verdict.PAGE):
        tracker.log_file(parent, verdict_folder / name, VERDICT_FOLDER)
    for path in sorted((verdict_folder / Verdict.BENCHMARK).iterdir()):
        tracker.log_file(parent, path, f"{VERDICT_FOLDER}/{Verdict.BENCHMARK}")
    for folder in latencies:
        device = LatencyReport.load(str(folder)).machine.profile
        tracker.log_file(parent, folder / LatencyReport.FILE, f"{REPORTS_FOLDER}/{device}")
    tracker.log_file(parent, windows / DistillationSetInfo.FILE, REPORTS_FOLDER)
    if config_json:
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / CONFIG_FILE
            path.write_text(json.dumps(json.loads(config_json), indent=1) + "\n")
            tracker.log_file(parent, path)


def log_candidate(
    tracker: Tracker,
    parent: str,
    candidate: Candidate,
    blessed: Collection[str],
    latencies: Sequence[LatencyReport],
) -> str:
    """One candidate's nested run.

    Args:
      tracker: The store.
      parent: Id of the pipeline's run.
      candidate: Whose run.
      blessed: Point ids of all blessed variants; only their files are published.
      latencies: The latency reports, one a device.

    Returns:
      The run's id.
    """
    name = candidate.converted.candidate_id
    run_id = tracker.candidate(parent, name)
    tracker.log_parameters(run_id, metrics.candidate_parameters(candidate.converted, candidate.student))
    tracker.log_metrics(
        run_id, metrics.candidate_metrics(candidate.student, candidate.converted, candidate.noss, latencies)
    )
    tracker.log_file(run_id, candidate.folder / TfliteReport.FILE, REPORTS_FOLDER)
    tracker.log_file(run_id, candidate.student_folder / StudentInfo.FILE, REPORTS_FOLDER)
    tracker.log_file(run_id, candidate.noss_folder / NossReport.FILE, REPORTS_FOLDER)
    for variant in candidate.converted.variants:
        if f"{name}/{variant.name}" in blessed:
            tracker.log_file(run_id, candidate.folder / variant.file, f"tflite/{variant.name}")
    tracker.finish(run_id)
    return run_id
