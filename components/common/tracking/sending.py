"""Sends the record of a pipeline run to MLflow. Every step may be repeated, so a kill costs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from components.common.tracking.faults import TrackingFault, telling
from components.common.tracking.links import Sent
from components.common.tracking.names import EVIDENCE_TAG, VERDICT_FOLDER, VERDICT_SHA256_TAG
from components.common.tracking.registration import register
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from schemas.push_reports import PushedModel, Registration
from schemas.run_records import RecordedRun, RecordedVersion, RunRecord
from schemas.verdicts import Verdict


def send(record: RunRecord, folder: Path | None = None) -> Sent:
    """Sends a record: the pipeline's run, a nested run a candidate, versions and aliases.

    The pipeline's run ends last, so one that has ended has everything.

    Args:
      record: Of a pipeline run; sent again, it changes nothing.
      folder: What its paths are relative to, where it was kept.

    Raises:
      TrackingFault: If the store does not take it, or a file of the record is not there as it was.
    """
    tracker = Tracker(Store.of(record))
    with telling(record.tracking_uri):
        parent = tracker.pipeline_run(record)
        record = _as_told_before(tracker, parent, record)
        _send_run(tracker, parent, record.parent, folder)
        runs = {}
        for candidate_id, run in record.candidates.items():
            runs[candidate_id] = tracker.candidate(parent, record.run_key, record.run_name, candidate_id)
            _send_run(tracker, runs[candidate_id], run, folder)
            tracker.finish(runs[candidate_id], run.status)
        registrations = register(tracker, record, parent, runs, folder)
        tracker.finish(parent, record.parent.status)
        return Sent(tracker.experiment_of(parent), parent, runs, _models(record, runs, registrations))


def _models(
    record: RunRecord, runs: Mapping[str, str], registered: Mapping[tuple[str, str], str]
) -> list[PushedModel]:
    """What was pushed, with its run and its versions."""
    return [
        model.model_copy(
            update={
                "run_id": runs[model.candidate_id],
                "registrations": [
                    Registration(
                        device=version.device,
                        registered_model=version.registered_model,
                        version=registered[version.registered_model, model.point_id],
                    )
                    for version in record.versions
                    if version.description.point_id == model.point_id
                ],
            }
        )
        for model in record.models
    ]


def _as_told_before(tracker: Tracker, run_id: str, record: RunRecord) -> RunRecord:
    """The record with the verdict that its run holds already, where that is another file.

    Two files of one verdict differ in what the registry held beside the run. Versions rest on the first one's
    sha256, so it stays as it is.
    """
    place = f"{VERDICT_FOLDER}/{Verdict.FILE}"
    told = tracker.client.get_run(run_id).data.tags.get(VERDICT_SHA256_TAG, "")
    if told in ("", record.parent.tags.get(VERDICT_SHA256_TAG)) or place not in {
        artifact.path for artifact in tracker.client.list_artifacts(run_id, VERDICT_FOLDER)
    }:
        return record
    parent = record.parent.model_copy(
        update={
            "tags": {**record.parent.tags, VERDICT_SHA256_TAG: told},
            "files": [file for file in record.parent.files if file.place != place],
        }
    )
    versions = [
        version.model_copy(update={"tags": {**version.tags, **_evidence(version, place, told)}})
        for version in record.versions
    ]
    return record.model_copy(update={"parent": parent, "versions": versions})


def _evidence(version: RecordedVersion, place: str, sha256: str) -> dict[str, str]:
    evidence = json.loads(version.tags.get(EVIDENCE_TAG, "{}"))
    return {VERDICT_SHA256_TAG: sha256, EVIDENCE_TAG: json.dumps({**evidence, place: sha256})}


def _send_run(tracker: Tracker, run_id: str, run: RecordedRun, folder: Path | None) -> None:
    tracker.set_tags(run_id, run.tags)
    tracker.log_parameters(run_id, run.parameters)
    tracker.log_metrics(run_id, run.metrics)
    tracker.log_datasets(run_id, run.datasets)
    for file in run.files:
        tracker.log_file(run_id, _file(file.path, folder), file.folder)


def _file(path: str, folder: Path | None) -> Path:
    """Where a file of the record lies."""
    found = (folder / path).resolve() if folder else Path(path)
    if not found.is_file() or (folder and not found.is_relative_to(folder.resolve())):
        raise TrackingFault(f"the record names the file {path}, which is not in {folder or 'its place'}")
    return found
