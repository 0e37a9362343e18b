"""``pull`` from a real MLflow server, whose proxy hands out the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.package.folders import file_digests
from components.common.tracking.faults import TrackingFault
from components.common.tracking.stores import open_client
from pipeline.models.registry.files import Tampered
from pipeline.models.registry.pull import pull
from tests.mlflow_server import MlflowServer
from tests.pipeline.models.registry.conftest import WINDOWED

pytestmark = pytest.mark.slow


def test_pulls_and_verifies(scene: Any, empty_store: Path, tmp_path: Path) -> None:
    judged = scene()
    with MlflowServer(tmp_path / "server", empty_store) as server:
        report = judged.push(judged.settings.model_copy(update={"tracking_uri": server.uri}))
        assert not report.unsent
        client = open_client(server.uri)
        pulled = pull(client, "tinytrill-host@candidate", tmp_path / "model", "a watch")
        assert set(pulled.files) == WINDOWED
        assert pulled.files["model.tflite"] == pulled.description.sha256
        version = client.get_model_version_by_alias("tinytrill-host", "candidate")
        assert "tinytrill.served.a-watch" in version.tags

        for stored in (server.folder / "artifacts").rglob("artifacts/model.tflite"):
            stored.write_bytes(b"another")
        with pytest.raises(Tampered, match=r"model\.tflite is not the file that was registered"):
            pull(client, "tinytrill-host@candidate", tmp_path / "model")
        assert file_digests(tmp_path / "model") == pulled.files

        server.kill()
        with pytest.raises(TrackingFault, match="does not respond"):
            pull(client, "tinytrill-host@candidate", tmp_path / "model")
        assert file_digests(tmp_path / "model") == pulled.files
