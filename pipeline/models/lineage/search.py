"""Finding a pipeline run among all that ML Metadata knows: by a file it made, by where it was pushed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.local.metadata import newest_first, open_metadata
from pipeline.models.lineage.stages import PUSHED, VARIANTS
from schemas.push_reports import PushReport
from schemas.settings import ReportFile, UnreadableReport
from schemas.tflite_reports import TfliteReport

_R = TypeVar("_R", bound=ReportFile)


@dataclass(frozen=True)
class FilePlace:
    """Where ML Metadata knows a TFLite file.

    Attributes:
      run: Name of the newest pipeline run that had it.
      point: <candidate id>/<variant>.
    """

    run: str
    point: str


def find_file(metadata_file: Path, sha256: str) -> FilePlace | None:
    """The newest pipeline run, of all in ML Metadata, whose converter made a file; None if none did."""
    for report, run in _reports(metadata_file, VARIANTS, TfliteReport):
        names = [variant.name for variant in report.variants if variant.sha256 == sha256]
        if names:
            return FilePlace(run, f"{report.candidate_id}/{names[0]}")
    return None


def find_push(metadata_file: Path, parent_run_id: str) -> str:
    """The newest pipeline run, of all in ML Metadata, that was pushed to an MLflow run; empty if none was."""
    pushes = _reports(metadata_file, PUSHED, PushReport)
    return next((run for report, run in pushes if report.parent_run_id == parent_run_id), "")


def _reports(metadata_file: Path, kind: str, report: type[_R]) -> Iterator[tuple[_R, str]]:
    """All reports of a kind that can be read, newest first, each with the newest pipeline run that had it."""
    store = open_metadata(metadata_file)
    found = store.get_artifacts_by_type(kind) if store else []
    for artifact in sorted(found, key=lambda one: -int(one.id)):
        runs = newest_first(store.get_contexts_by_artifact(artifact.id))
        try:
            read = report.load(artifact.uri)
        except UnreadableReport:
            continue
        if runs:
            yield read, runs[0].name
