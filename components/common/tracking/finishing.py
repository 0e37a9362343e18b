"""What is written when it is known what became of a run: where it went, or where it is kept."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from components.common.package import folders
from components.common.tfx.evidence import evidence_of
from components.common.tracking.links import make_links, seen_from_report, write_links
from components.common.tracking.sending import Sent
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from components.frontier_pusher.record import VERDICT_FOLDER
from schemas.push_reports import FrontierIndex, PushedModel, PushReport, Registration
from schemas.run_records import RunRecord
from schemas.settings import UnreadableReport

logger = logging.getLogger("tinytrill.frontier_pusher")


def finish(
    record: RunRecord,
    sent: Sent | None,
    unsent: str = "",
    kept: str = "",
    folder: Path | None = None,
) -> PushReport:
    """Writes ``pushed.json`` and ``links.js`` into the output, and ``frontier.json``.

    Args:
      record: What was told, or is to be.
      sent: The runs and versions it became; None: it was not sent.
      unsent: Why it was not.
      kept: Folder that keeps it.
      folder: Of a record that was kept and is sent only now: what others pushed since stays as it is.

    Raises:
      TrackingFault: If the store does not take the links; nothing is written then.
    """
    models = [_registered(model, record, sent) for model in record.models]
    if sent:
        _send_links(record, sent, models)
    report = PushReport(
        tracking_uri=record.tracking_uri,
        parent_run_id=sent.parent_run_id if sent else "",
        kept=kept,
        unsent=unsent,
        models=models,
    )
    if record.models and (folder is None or _is_newest(record)):
        # A verdict that blesses nothing pushes nothing: what was pushed before stays as it is.
        _write_index(record, models)
    output = evidence_of(record.output)
    if output is None:
        logger.info("%s is gone: no pushed.json and links.js are written", record.output)
        return report

    def folder_of(model: PushedModel) -> str:
        return seen_from_report(Path(record.destination) / model.folder, Path(record.output))

    write_links(output, make_links(record.tracking_uri, sent, models, folder_of))
    report.save(output)
    return report


def _registered(model: PushedModel, record: RunRecord, sent: Sent | None) -> PushedModel:
    if sent is None:
        return model
    return model.model_copy(
        update={
            "run_id": sent.runs[model.candidate_id],
            "registrations": [
                Registration(
                    device=version.device,
                    registered_model=version.registered_model,
                    version=sent.registrations[version.registered_model, model.point_id],
                )
                for version in record.versions
                if version.description.point_id == model.point_id
            ],
        }
    )


def _send_links(record: RunRecord, sent: Sent, models: list[PushedModel]) -> None:
    """Links beside the page that is stored with the run; from there no pushed folder can be seen."""
    tracker = Tracker(Store(record.tracking_uri, record.experiment, record.artifact_location))
    with tempfile.TemporaryDirectory() as aside:
        links = write_links(Path(aside), make_links(record.tracking_uri, sent, models, lambda model: ""))
        tracker.log_file(sent.parent_run_id, links, VERDICT_FOLDER)


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
