"""Links from the verdict's page to MLflow and to the pushed folders: they are known only now."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.tracking.stores import run_page, version_page
from schemas.plain_text import plain_data
from schemas.push_reports import PushedModel
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict

VARIABLE = "window.tinytrillLinks"
ARTIFACTS = "artifacts"
REPORT = "report"


@dataclass(frozen=True)
class Sent:
    """Where in MLflow a record is now.

    Attributes:
      experiment_id: Of its runs.
      parent_run_id: The pipeline's run.
      runs: Run id by candidate id.
      models: What was pushed, with its runs and versions.
    """

    experiment_id: str
    parent_run_id: str
    runs: dict[str, str]
    models: list[PushedModel]

    @property
    def registrations(self) -> dict[tuple[str, str], str]:
        """Version by registered model and point id."""
        return {
            (one.registered_model, model.point_id): one.version
            for model in self.models
            for one in model.registrations
        }


def make_links(
    record: RunRecord, sent: Sent | None, folder_of: Callable[[PushedModel], str]
) -> dict[str, Any]:
    """By candidate the MLflow run; by pushed point its registered versions and its folder.

    Args:
      record: Of the run; only a server has pages to link to.
      sent: Where in the store the run is; None: not yet.
      folder_of: Where a pushed model lies, as seen from the page; empty if it cannot be seen from there.
    """
    store = record.tracking_uri
    runs = (
        {}
        if sent is None
        else {
            candidate: {"id": run_id, "page": run_page(store, sent.experiment_id, run_id)}
            for candidate, run_id in sorted(sent.runs.items())
        }
    )
    return {
        "store": store,
        "runs": runs,
        "points": {
            model.point_id: {
                "versions": [
                    {
                        "name": f"{one.registered_model} v{one.version}",
                        "page": version_page(store, one.registered_model, one.version),
                    }
                    for one in model.registrations
                ],
                "folder": folder_of(model),
            }
            for model in (sent.models if sent else record.models)
        },
    }


def write_links(folder: Path, links: Mapping[str, Any]) -> Path:
    """Writes ``links.js``: a script, because a page that was opened as a file may load nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Verdict.LINKS
    path.write_text(f"{VARIABLE} = {json.dumps(plain_data(links), indent=1)};\n", encoding="utf-8")
    return path


def seen_from_report(pushed: Path, output: Path) -> str:
    """A pushed folder's place, relative to the run's report if it lies in the run's folder.

    The run's folder is told by the pusher's own output, which lies in its ``artifacts``; the report lies
    beside them. Such a run can be moved as a whole.
    """
    pushed, output = pushed.absolute(), output.absolute()
    for run in output.parents:
        if output.is_relative_to(run / ARTIFACTS) and pushed.is_relative_to(run):
            return Path(os.path.relpath(pushed, run / REPORT)).as_posix()
    return pushed.as_posix()
