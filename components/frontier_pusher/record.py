"""What MLflow is told of a pipeline run, written down: nothing here speaks to a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.common.frontier.closed import is_closed
from components.common.package import folders
from components.common.package.serving import SCRIPT
from components.common.tracking.names import (
    GATE_TAG,
    VERDICT_DIGEST_TAG,
    VERDICT_FOLDER,
    VERDICT_SHA256_TAG,
    model_name,
)
from components.frontier_pusher import metrics
from components.frontier_pusher.candidates import Candidate, Metadata
from components.frontier_pusher.inputs import JudgedRun
from components.frontier_pusher.settings import PusherSettings
from components.frontier_pusher.tags import in_words, version_tags
from schemas.noss_reports import NossReport
from schemas.plain_text import plain_lines
from schemas.push_reports import ModelDescription, PushedModel
from schemas.run_context import RunContext
from schemas.run_records import RecordedFile, RecordedRun, RecordedVersion, RunRecord
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import Verdict

REPORTS_FOLDER = "reports"
TFLITE_FOLDER = "tflite"
METADATA_FILE = "ml_metadata.json"
FAILURE_TAG = "tinytrill.failure"
SEARCH_TAG = "tinytrill.search"
# Of the pusher's output: files that are stored with the runs and lie nowhere else.
RECORD_FOLDER = "record"
_LONGEST_TAG = 5000


@dataclass(frozen=True)
class Identity:
    """Which run it is, and where it is told of.

    Attributes:
      run_key: Names the pipeline run.
      run_name: Name of the run.
      context: What the pipeline said of itself; none if a component runs by itself.
      given_run_id: MLflow run that somebody else opened for this one; empty: none.
      tracking_uri: The store, without credentials.
    """

    run_key: str
    run_name: str
    context: RunContext | None
    given_run_id: str
    tracking_uri: str


def make_record(
    run: JudgedRun,
    identity: Identity,
    descriptions: Sequence[ModelDescription],
    pushed: Sequence[Path],
    settings: PusherSettings,
    config_json: str,
    output: Path,
) -> RunRecord:
    """Writes a whole run down, its failures and beaten candidates too.

    Args:
      run: What was judged.
      identity: Which run it is.
      descriptions: Of each blessed point.
      pushed: Version folder of each.
      settings: What is published, and under which names.
      config_json: The run's configuration; may be empty.
      output: The pusher's artifact; small files that are only made here are written below it.
    """
    verdict_sha256 = folders.sha256_of(run.verdict_folder / Verdict.FILE)
    digest = run.verdict.digest
    published = published_points(run.verdict, settings)
    folder = output / RECORD_FOLDER
    parent = _pipeline_run(run, identity, config_json, folder)
    evidence = _evidence(parent.files)
    cards = dict(zip([d.point_id for d in descriptions], pushed, strict=True))
    destination = Path(settings.destination)
    return RunRecord(
        run_key=identity.run_key,
        run_name=identity.run_name,
        verdict_digest=digest,
        given_run_id=identity.given_run_id,
        parent_run_id=identity.context.parent_run_id if identity.context else "",
        tracking_uri=identity.tracking_uri,
        experiment=settings.experiment,
        artifact_location=settings.artifact_location,
        alias=settings.alias,
        provenance=identity.context.provenance if identity.context else None,
        parent=parent.model_copy(
            update={
                "tags": {**parent.tags, VERDICT_DIGEST_TAG: digest, VERDICT_SHA256_TAG: verdict_sha256},
            }
        ),
        candidates={
            name: _candidate_run(name, candidate, run, published, cards, folder / "candidates" / name)
            for name, candidate in run.candidates.items()
        },
        versions=[
            version
            for description, version_folder in zip(descriptions, pushed, strict=True)
            for version in _versions(
                description, version_folder, run.verdict, verdict_sha256, evidence, settings
            )
        ],
        models=[
            PushedModel(
                point_id=description.point_id,
                candidate_id=description.candidate_id,
                variant=description.variant,
                sha256=description.sha256,
                devices=[blessing.machine.profile for blessing in description.blessings],
                folder=version_folder.relative_to(destination).as_posix(),
            )
            for description, version_folder in zip(descriptions, pushed, strict=True)
        ],
        destination=str(destination.absolute()),
        output=str(output.absolute()),
    )


def run_key_of(run_name: str, verdict: Verdict) -> str:
    """Names a run that no pipeline named: the same for a retry, since it reads the same verdict."""
    return hashlib.sha256(f"{run_name}\0{verdict.digest}".encode()).hexdigest()[:32]


def published_points(verdict: Verdict, settings: PusherSettings) -> set[str] | None:
    """Points whose TFLite files are stored with the candidates' runs; None: all."""
    if settings.publish == "all":
        return None
    found = {point.point_id for _, point in verdict.blessed}
    if settings.publish == "frontier":
        found |= {
            point.point_id for device in verdict.devices for point in device.points if point.on_frontier
        }
    return found


def _pipeline_run(run: JudgedRun, identity: Identity, config_json: str, folder: Path) -> RecordedRun:
    verdict, closed = run.verdict, is_closed(run.verdict)
    reasons = verdict.closed or ([verdict.summary] if closed else [])
    files = [
        RecordedFile(
            path=str(path.absolute()),
            folder=(Path(VERDICT_FOLDER) / path.parent.relative_to(run.verdict_folder)).as_posix(),
        )
        for path in sorted(run.verdict_folder.rglob("*"))
        if path.is_file()
    ]
    files += [
        RecordedFile(path=str(path.absolute()), folder=f"{REPORTS_FOLDER}/{name}".rstrip("/"))
        for name, path in run.reports.items()
    ]
    if config_json:
        config = json.loads(config_json)
        files.append(_written(folder / "config.json", json.dumps(config, indent=1) + "\n"))
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        files.append(_written(folder / "config.yaml", text))
    files.append(_metadata(folder, run.metadata))
    packages = identity.context.provenance.packages if identity.context else {}
    return RecordedRun(
        name=identity.run_name,
        tags={GATE_TAG: plain_lines(f"closed: {'; '.join(reasons)}")[:_LONGEST_TAG] if closed else "open"},
        parameters=metrics.run_parameters(verdict, run.origin.windows, packages),
        metrics=metrics.run_metrics(verdict, run.origin.teacher),
        files=files,
        datasets=run.origin.datasets(),
        status="FAILED" if closed else "FINISHED",
    )


def _candidate_run(
    name: str,
    candidate: Candidate,
    run: JudgedRun,
    published: set[str] | None,
    cards: dict[str, Path],
    folder: Path,
) -> RecordedRun:
    files = [
        RecordedFile(path=str(path.absolute()), folder=REPORTS_FOLDER)
        for path in (
            candidate.folder / TfliteReport.FILE,
            candidate.student_folder / StudentInfo.FILE,
            candidate.noss_folder / NossReport.FILE,
        )
    ]
    for variant in candidate.converted.variants:
        point, where = f"{name}/{variant.name}", f"{TFLITE_FOLDER}/{variant.name}"
        if variant.file and (published is None or point in published):
            files.append(RecordedFile(path=str((candidate.folder / variant.file).absolute()), folder=where))
        if point in cards:
            files.append(RecordedFile(path=str((cards[point] / folders.CARD_FILE).absolute()), folder=where))
    files.append(_metadata(folder, candidate.metadata))
    return RecordedRun(
        name=name,
        tags=_candidate_tags(candidate),
        parameters=metrics.candidate_parameters(candidate.converted, candidate.student),
        metrics=metrics.candidate_metrics(
            candidate.student, candidate.converted, candidate.noss, run.latencies
        ),
        files=files,
        datasets=[dataset for dataset in [run.origin.distillation_set()] if dataset.digest],
        status="FAILED" if candidate.failure else "FINISHED",
    )


def _candidate_tags(candidate: Candidate) -> dict[str, str]:
    """Why there are no figures of a candidate, if there are none."""
    if candidate.student.left_out:
        return {SEARCH_TAG: plain_lines(candidate.student.failure)[:_LONGEST_TAG]}
    return {FAILURE_TAG: plain_lines(candidate.failure)[:_LONGEST_TAG]} if candidate.failure else {}


def _versions(
    description: ModelDescription,
    folder: Path,
    verdict: Verdict,
    verdict_sha256: str,
    evidence: dict[str, str],
    settings: PusherSettings,
) -> list[RecordedVersion]:
    """One a device that the file is blessed for; all of the same folder."""
    files = {**folders.file_digests(folder), Path(SCRIPT).name: folders.sha256_of(Path(SCRIPT))}
    return [
        RecordedVersion(
            registered_model=model_name(settings.registered_model, blessing.machine.profile),
            device=blessing.machine.profile,
            candidate_id=description.candidate_id,
            description=description,
            folder=str(folder.absolute()),
            tags=version_tags(description, blessing, verdict, verdict_sha256, files, evidence),
            text=in_words(description, blessing),
        )
        for blessing in description.blessings
    ]


def _evidence(files: Sequence[RecordedFile]) -> dict[str, str]:
    """sha256 of what a promotion goes by: verdict, comparison, reports and configuration, as JSON."""
    return {
        file.place: folders.sha256_of(Path(file.path))
        for file in files
        if file.path.endswith(".json") and Path(file.path).name != METADATA_FILE
    }


def _metadata(folder: Path, metadata: Metadata) -> RecordedFile:
    return _written(folder / METADATA_FILE, json.dumps(metadata, indent=1) + "\n")


def _written(path: Path, text: str) -> RecordedFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return RecordedFile(path=str(path.absolute()))
