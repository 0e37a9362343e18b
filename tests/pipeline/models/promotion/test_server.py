"""Promotion on a real MLflow server, whose answers and errors come over the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.common.tracking.names import SHA256_TAG
from components.common.tracking.stores import open_client
from pipeline.configuration.config_file import ConfigError
from pipeline.models.promotion.champion import look
from pipeline.models.promotion.checked import Refused
from pipeline.models.promotion.promote import promote, rollback
from pipeline.models.promotion.wanted import Promotion
from pipeline.models.registry.versions import find_version
from tests.mlflow_server import MlflowServer
from tests.pipeline.models.promotion.conftest import FlawedClient, nothing, once_at
from tests.pipeline.models.promotion.pushed import NAME, SMALL, STRONG, TINY, WEAK, number, push_runs
from tests.pipeline.models.promotion.test_promote import Somebody, champion, make_champion, refused


@pytest.mark.slow
def test_champions_come_and_go_on_a_server(
    tmp_path: Path, tiny_files: dict[str, bytes], empty_store: Path
) -> None:
    with MlflowServer(tmp_path / "server", empty_store) as server:
        push_runs(tmp_path, tiny_files, server.uri)
        client = open_client(server.uri)
        small, tiny, strong = (number(client, spec) for spec in (SMALL, TINY, STRONG))

        make_champion(client, SMALL)
        make_champion(client, TINY)
        names = client.get_registered_model(NAME).aliases
        assert (str(names["champion"]), str(names["previous"])) == (tiny, small)
        rollback(client, NAME, "", Somebody())
        assert champion(client) == small

        sha256 = client.get_model_version(NAME, number(client, WEAK)).tags[SHA256_TAG]
        (file,) = (
            path
            for path in (tmp_path / "server").rglob("artifacts/model.tflite")
            if path.read_bytes().endswith(b"0.72 6.0")
        )
        file.write_bytes(file.read_bytes() + b"!")
        refused(client, WEAK, f"files: .*model.tflite is not the file that was registered.*{sha256}")

        delete = once_at("set_registered_model_alias", lambda: client.delete_model_version(NAME, strong))
        with pytest.raises(Refused, match="was deleted while it was promoted"):
            promote(FlawedClient(client, delete, nothing), Promotion(NAME, strong), Somebody())
        assert champion(client) == small
        assert look(client, NAME).warnings == []

        for text in (f"{NAME}/{strong}", f"{NAME}@nobody", "nobody/1"):
            with pytest.raises(ConfigError, match="there are "):
                find_version(client, text)
