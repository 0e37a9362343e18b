"""Sends what MLflow has not taken yet: the records that wait in a run's folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from components.common.tfx.evidence import evidence_of
from components.common.tracking import outbox
from components.common.tracking.delivery import deliver
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from pipeline.local.layout import RunLayout
from pipeline.local.relocation import open_folder
from pipeline.local.run_folder import exclusive
from pipeline.models.lineage.export import export_lineage
from schemas.push_reports import PushReport
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
    report, _ = deliver(record, layout.outbox, folder, partial(_tell_folder, layout, record))
    return Outcome(folder, record.run_name, report.parent_run_id, report.unsent)


def _tell_folder(layout: RunLayout, record: RunRecord, report: PushReport) -> None:
    """Lets the report's page lead to MLflow, if it is of this record's verdict, and draws the lineage."""
    output = evidence_of(record.output)
    shown = (layout.report / Verdict.FILE).is_file() and Verdict.load(layout.report)
    if output and shown and shown.digest == record.verdict_digest:
        shutil.copy(output / Verdict.LINKS, layout.report)
    export_lineage(layout, Tracker(Store.of(record)), report.parent_run_id)
