"""Reading standings back from a real MLflow store."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.common.tracking.faults import StoreDamaged, StoreUnreachable
from components.common.tracking.registered import registered_versions
from schemas.latency_reports import Machine
from schemas.verdicts import FrontierPoint, Standing

MODEL = "tinytrill-host"


def make_standing(device: str, quality: float = 0.7, tasks: int = 2) -> Standing:
    return Standing(
        machine=Machine(
            profile=device,
            backend="host",
            name="Test CPU",
            os="Linux 6",
            runtime="LiteRT 2.3.0",
            threads=1,
            is_device=False,
        ),
        point=FrontierPoint(
            point_id="small/wave-float32",
            candidate_id="small",
            variant="wave-float32",
            input="wave",
            sha256="a" * 64,
            quality=quality,
            quality_low=quality - 0.02,
            quality_high=quality + 0.02,
            quality_of_teacher=0.9,
            tasks={f"task_{number:02d}": quality for number in range(tasks)},
            latency_ms=5.0,
            latency_low_ms=4.9,
            latency_high_ms=5.1,
            latency_ratio=0.5,
            peak_mib=None,
            bytes=1000,
            parameters=123,
            goals=[],
            goals_met=True,
            on_frontier=True,
            dominated_by=[],
            blessed=True,
            reasons=[],
        ),
        run_name="test",
        reference_sha256="r" * 64,
        benchmark_digest="b" * 64,
        synthetic=True,
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A registry with three versions: two devices; none; one device and a tag nobody can read."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"
    made = MlflowClient(tracking_uri=uri, registry_uri=uri)
    made.create_registered_model(MODEL)
    # Seventeen tasks, as of the whole benchmark, must fit into a tag.
    large = make_standing("host", 0.8, tasks=17).model_dump_json()
    for tags in (
        {Standing.TAG: make_standing("host").model_dump_json()},
        {"other": "tag"},
        {Standing.TAG: large},
        {Standing.TAG: '{"machine": 1}'},
    ):
        made.create_model_version(MODEL, source="file:///nowhere", tags=tags)
    made.set_registered_model_alias(MODEL, "champion", "1")
    made.set_registered_model_alias(MODEL, "best", "1")
    return made


def test_newest_first_with_aliases(client: Any) -> None:
    found = registered_versions(client.tracking_uri, MODEL)
    assert [(one.version, one.aliases) for one in found] == [("3", ()), ("1", ("best", "champion"))]
    assert found[0].standing == make_standing("host", 0.8, tasks=17)


def test_a_tag_that_cannot_be_read_is_told_and_left_out(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    registered_versions(client.tracking_uri, MODEL)
    (message,) = [record.getMessage() for record in caplog.records if record.name == "tinytrill.registered"]
    assert message.startswith("tinytrill-host v4 does not compete: its tag tinytrill.standing cannot be read")


@pytest.mark.parametrize(("version", "fault"), [("2", "it has no tag"), ("4", "its tag .* cannot be read")])
def test_a_champion_without_figures_is_there_all_the_same(client: Any, version: str, fault: str) -> None:
    client.set_registered_model_alias(MODEL, "champion", version)
    try:
        found = {one.version: one for one in registered_versions(client.tracking_uri, MODEL)}
    finally:
        client.set_registered_model_alias(MODEL, "champion", "1")
    champion = found[version]
    assert (champion.standing, champion.aliases) == (None, ("champion",))
    assert re.match(fault, champion.fault)
    assert champion.name == f"tinytrill-host v{version} (champion)"


def test_an_alias_of_a_deleted_version_is_no_missing_champion(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = type(client).get_registered_model

    def dangling(self: Any, name: str) -> Any:
        return SimpleNamespace(aliases={**made(self, name).aliases, "champion": "9"})

    monkeypatch.setattr(type(client), "get_registered_model", dangling)
    champion = registered_versions(client.tracking_uri, MODEL)[-1]
    assert (champion.version, champion.standing, champion.aliases) == ("9", None, ("champion",))
    assert champion.fault == "the alias names a version that is gone"


def test_an_unknown_model_has_no_versions(client: Any) -> None:
    assert registered_versions(client.tracking_uri, "nobody") == []


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # importing it would fail
    assert registered_versions(f"sqlite:///{tmp_path}/mlflow.db", MODEL) == []
    assert registered_versions("", MODEL) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database, but long enough to be looked at" * 20)
    with pytest.raises(StoreDamaged, match=rf"store sqlite:///{tmp_path}/mlflow.db .* not a database"):
        registered_versions(f"sqlite:///{tmp_path}/mlflow.db", MODEL)


def test_a_silent_server_is_named_without_credentials() -> None:
    with socket.socket() as bound:  # nobody listens on it
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(StoreUnreachable) as error:
            registered_versions(f"http://me:secret@{address}", MODEL)
    assert str(error.value).startswith(f"the MLflow server http://{address} does not respond")
    assert "Connection refused" in str(error.value)
    assert "secret" not in str(error.value)
