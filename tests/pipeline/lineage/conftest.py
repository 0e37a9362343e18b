"""A pushed run with ML Metadata, a champion and somebody who serves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.layout import RunLayout
from tests.pushed_runs import MakeScene, Scene

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


@pytest.fixture
def pushed(scene: MakeScene) -> Pushed:
    from components.tracking.stores import open_client
    from tests.pipeline.lineage.made_up_folder import write_folder

    made = scene()
    report = made.push()
    layout = write_folder(made.root, made.inputs, made.output)
    return Pushed(layout, made, report.tracking_uri, report.parent_run_id, open_client(report.tracking_uri))


@pytest.fixture
def promote() -> Callable[[Pushed, str], None]:
    """Makes a version champion, as a promotion does, and has somebody serve it."""

    def champion(run: Pushed, version: str) -> None:
        from components.tracking import ledger

        ledger.append(
            run.client,
            MODEL,
            ledger.Entry(
                n=1,
                action="promote",
                version=version,
                over="",
                previous="",
                by="ada",
                at="2026-11-22T09:30:00+00:00",
                why="quieter on wind",
            ),
        )
        run.client.set_registered_model_alias(MODEL, "champion", version)
        told = {"what": "watch-app 3.2", "by": "grace", "at": "2026-11-22T10:00:00+00:00"}
        run.client.set_model_version_tag(MODEL, version, "tinytrill.served.watch-app-3.2", json.dumps(told))

    return champion
