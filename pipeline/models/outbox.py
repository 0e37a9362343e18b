"""Sends what MLflow has not taken yet: the records that wait in a run's folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from components.common.tfx.evidence import evidence_of
from components.common.tracking import outbox
from components.common.tracking.faults import TrackingFault
from components.common.tracking.finishing import finish
from components.common.tracking.sending import send
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from components.frontier_pusher.record import verdict_digest
from pipeline.local.layout import RunLayout
from pipeline.local.relocation import open_folder
from pipeline.local.run_folder import exclusive
from pipeline.models.lineage.export import export_lineage
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict


@dataclass(frozen=True)
class Outcome:
    """What became of a record.

    Attributes:
      folder: Where it was kept; it is gone once the record is sent.
      run_name: Of the pipeline run; empty if the record cannot be read.
      parent_run_id: Its MLflow run; empty if it was not sent.
      fault: Why it was not sent; empty if it was.
    """

    folder: Path
    run_name: str
    parent_run_id: str = ""
    fault: str = ""


def sync(output: Path, tracking_uri: str = "") -> list[Outcome]:
    """Sends all records that wait in a run's folder, oldest first; may be killed and called again.

    Args:
      output: The run's folder.
      tracking_uri: Another address of the store, without credentials; empty: the record's own.

    Returns:
      What became of each record. One that is not sent stays where it is.

    Raises:
      FolderHeld: If a run, or another sync, is writing into the folder.
    """
    layout = open_folder(output)
    folders = outbox.waiting(layout.outbox)
    if not folders:
        return []
    with exclusive(layout):
        return [_sync_one(layout, folder, tracking_uri) for folder in folders if folder.is_dir()]


def _sync_one(layout: RunLayout, folder: Path, tracking_uri: str) -> Outcome:
    try:
        record = RunRecord.load(folder)
    except ValueError as error:
        return Outcome(folder, "", fault=f"{folder / RunRecord.FILE} cannot be read: {error}")
    if tracking_uri:
        record = record.model_copy(update={"tracking_uri": tracking_uri})
    try:
        sent = send(record, folder)
        finish(record, sent, folder=folder)
        _refresh_links(layout, record)
        tracker = Tracker(Store(record.tracking_uri, record.experiment, record.artifact_location))
        export_lineage(layout, tracker, sent.parent_run_id)
    except TrackingFault as fault:
        return Outcome(folder, record.run_name, fault=str(fault))
    outbox.release(folder)
    return Outcome(folder, record.run_name, sent.parent_run_id)


def _refresh_links(layout: RunLayout, record: RunRecord) -> None:
    """Lets the report's page lead to MLflow, if it is the page of this record's verdict."""
    output = evidence_of(record.output)
    shown = (layout.report / Verdict.FILE).is_file() and Verdict.load(layout.report)
    if output and shown and verdict_digest(shown) == record.verdict_digest:
        shutil.copy(output / Verdict.LINKS, layout.report)
