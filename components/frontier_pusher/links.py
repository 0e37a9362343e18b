"""Links from the verdict's page to MLflow and to the pushed folders: they are known only now."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.frontier_pusher.candidates import Candidate
from components.tracking.stores import without_credentials
from components.tracking.tracker import Tracker
from schemas.reports import PushedModel
from schemas.verdicts import Verdict

VARIABLE = "window.tinytrillLinks"
ARTIFACTS = "artifacts"
REPORT = "report"


def write_links(
    folder: Path,
    tracker: Tracker,
    candidates: Mapping[str, Candidate],
    runs: Mapping[str, str],
    models: Sequence[PushedModel],
    destination: Path,
) -> Path:
    """Writes ``links.js``: by point the MLflow run and, of what was pushed, the version and the folder.

    Args:
      folder: The pusher's output.
      tracker: The store; only a server has pages to link to.
      candidates: All, by id.
      runs: MLflow run of each candidate.
      models: What was pushed.
      destination: Folder of the pushed versions.
    """
    points = {
        f"{name}/{variant.name}": {
            "run_id": runs[name],
            "run": tracker.run_page(runs[name]),
            "version": "",
            "registry": "",
            "folder": "",
        }
        for name, candidate in candidates.items()
        for variant in candidate.converted.variants
    }
    for model in models:
        points[model.point_id].update(
            version=f"{model.registered_model} v{model.registered_version}",
            registry=tracker.version_page(model.registered_model, model.registered_version),
            folder=seen_from_report(destination / model.folder, folder),
        )
    links = {"store": without_credentials(tracker.uri), "points": points}
    path = folder / Verdict.LINKS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{VARIABLE} = {json.dumps(links, indent=1)};\n", encoding="utf-8")
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
