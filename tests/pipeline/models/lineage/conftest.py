"""A pushed run with ML Metadata, a champion and somebody who serves it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.layout import RunLayout
from tests.pushed_runs import Scene

MODEL = "tinytrill-host"


@dataclass
class Pushed:
    """A run that was pushed.

    Attributes:
      layout: Its folder.
      scene: The reports behind it.
      uri: Its MLflow store.
      parent_run_id: Its MLflow run.
      client: MLflow's.
    """

    layout: RunLayout
    scene: Scene
    uri: str
    parent_run_id: str
    client: Any

    def file(self, point_id: str) -> Path:
        """The pushed TFLite file of a point."""
        return self.layout.pushed / point_id / "1" / "model.tflite"


@pytest.fixture(scope="package")
def pushed(
    tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path
) -> Pushed:
    """Tests share it, and only add to it."""
    from components.common.tracking.stores import open_client
    from tests.pipeline.models.lineage.made_up_folder import write_folder
    from tests.pushed_runs import make_scene

    scene = make_scene(tmp_path_factory.mktemp("run"), tiny_files, empty_store)
    report = scene.push()
    layout = write_folder(scene.root, scene.inputs, scene.output)
    run = Pushed(layout, scene, report.tracking_uri, report.parent_run_id, open_client(report.tracking_uri))
    _promote(run, "1")
    return run


@pytest.fixture
def metadata_alone(pushed: Pushed, tmp_path: Path) -> Path:
    """A folder with the run's ML Metadata, and nothing of MLflow."""
    folder = tmp_path / "metadata_alone"
    folder.mkdir()
    shutil.copy(pushed.layout.metadata, folder)
    return folder


def _promote(run: Pushed, version: str) -> None:
    """Makes a version champion, as a promotion does, and has somebody serve it."""
    from components.common.tracking import ledger

    entry = ledger.Entry(
        n=1,
        action="promote",
        version=version,
        over="",
        previous="",
        by="ada",
        at="2026-11-22T09:30:00+00:00",
        why="quieter on wind",
    )
    ledger.append(run.client, MODEL, entry)
    run.client.set_registered_model_alias(MODEL, "champion", version)
    told = {"what": "watch-app 3.2", "by": "grace", "at": "2026-11-22T10:00:00+00:00"}
    run.client.set_model_version_tag(MODEL, version, "tinytrill.served.watch-app-3.2", json.dumps(told))
