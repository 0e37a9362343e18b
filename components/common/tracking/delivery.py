"""The one way of a record to MLflow: it is sent, or kept until it can be, and what became of it is written.

The pusher brings the record of the run that it has just pushed, on one machine as in a container of Kubeflow;
``lineage sync`` brings one that was kept. Every step may be repeated.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from components.common.package import folders
from components.common.tfx.evidence import evidence_of
from components.common.tracking import outbox, sending
from components.common.tracking.faults import TrackingFault
from components.common.tracking.links import Sent, make_links, seen_from_report, write_links
from components.common.tracking.names import VERDICT_FOLDER
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from schemas.push_reports import FrontierIndex, PushedModel, PushReport
from schemas.run_records import RunRecord
from schemas.settings import UnreadableReport

logger = logging.getLogger("tinytrill.frontier_pusher")


def deliver(
    record: RunRecord,
    waiting: Path,
    kept: Path | None = None,
    then: Callable[[PushReport], object] = lambda report: None,
) -> tuple[PushReport, TrackingFault | None]:
    """Sends a record and writes what became of it; what the store does not take is kept.

    Args:
      record: Of a pipeline run.
      waiting: The outbox.
      kept: Folder of a record that waits there already; None: it was written just now. It goes once all is
        told, and else stays as it is.
      then: What else is to be told of a run that was sent, before the record goes.

    Returns:
      What was pushed, and where it went or is kept; and why it was not delivered, None if it was.
    """
    try:
        sent = sending.send(record, kept)
        _send_links(record, sent)
        report = finish(record, sent, late=kept is not None)
        then(report)
    except TrackingFault as fault:
        if kept is not None:
            return _report(record, unsent=str(fault), kept=kept), fault
        place = outbox.keep(record, waiting, str(fault))
        return finish(record, None, str(fault), place), fault
    for folder in [kept] if kept else outbox.kept(record, waiting):
        outbox.release(folder)
    return report, None


def finish(
    record: RunRecord, sent: Sent | None, unsent: str = "", kept: Path | None = None, late: bool = False
) -> PushReport:
    """Writes ``pushed.json`` and ``links.js`` into the output, and ``frontier.json``.

    Args:
      record: What was told, or is to be.
      sent: The runs and versions it became; None: it was not sent.
      unsent: Why it was not.
      kept: Folder that keeps it.
      late: Whether it was kept and is sent only now: what others pushed since stays as it is.
    """
    report = _report(record, sent, unsent, kept)
    if record.models and (not late or _is_newest(record)):
        # A verdict that blesses nothing pushes nothing: what was pushed before stays as it is.
        _write_index(record, report.models)
    output = evidence_of(record.output)
    if output is None:
        logger.info("%s is gone: no pushed.json and links.js are written", record.output)
        return report

    def folder_of(model: PushedModel) -> str:
        return seen_from_report(Path(record.destination) / model.folder, Path(record.output))

    write_links(output, make_links(record, sent, folder_of))
    report.save(output)
    return report


def _send_links(record: RunRecord, sent: Sent) -> None:
    """Links beside the page that is stored with the run; from there no pushed folder can be seen."""
    with tempfile.TemporaryDirectory() as aside:
        links = write_links(Path(aside), make_links(record, sent, lambda model: ""))
        Tracker(Store.of(record)).log_file(sent.parent_run_id, links, VERDICT_FOLDER)


def _report(
    record: RunRecord, sent: Sent | None = None, unsent: str = "", kept: Path | None = None
) -> PushReport:
    return PushReport(
        tracking_uri=record.tracking_uri,
        parent_run_id=sent.parent_run_id if sent else "",
        kept=str(kept or ""),
        unsent=unsent,
        models=sent.models if sent else record.models,
    )


def _is_newest(record: RunRecord) -> bool:
    """Whether the index still names what this run pushed."""
    try:
        index = FrontierIndex.load(record.destination)
    except UnreadableReport:
        return Path(record.destination).is_dir()
    named = [model.model_copy(update={"registrations": [], "run_id": ""}) for model in index.models]
    return index.run_key == record.run_key and named == record.models


def _write_index(record: RunRecord, models: list[PushedModel]) -> None:
    folders.write_index(
        Path(record.destination),
        FrontierIndex(
            run_name=record.run_name,
            run_key=record.run_key,
            synthetic=record.versions[0].description.synthetic,
            models=models,
        ),
    )
