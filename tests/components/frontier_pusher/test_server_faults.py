"""A real MLflow server that dies, refuses or cannot write: what is told, and that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from components.common.tracking import outbox, sending
from components.common.tracking.faults import ArtifactsRefused, StoreRefused, StoreUnreachable
from components.common.tracking.stores import open_client
from components.common.tracking.tracker import Tracker
from schemas.run_records import RunRecord
from tests.components.common.tracking.sending import census, make_record
from tests.mlflow_server import ADMIN, MlflowServer

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
USER, USER_PASSWORD = "reader", "may look, not write"


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path
) -> RunRecord:
    return make_record(tmp_path_factory.mktemp("run"), tiny_files, empty_store)


@pytest.fixture(scope="module")
def expected(made: RunRecord, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a store holds that took the record without a fault."""
    path = tmp_path_factory.mktemp("calm") / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    uri = f"sqlite:///{path}"
    sending.send(made.model_copy(update={"tracking_uri": uri}))
    return census(uri)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[MlflowServer]:
    """One that asks for a password and cannot write files: not even root makes a folder below a file."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "full").write_text("")
    with MlflowServer(
        folder / "server", empty_store, password=PASSWORD, artifacts=folder / "full" / "artifacts"
    ) as server:
        requests.post(
            f"{server.uri}/api/2.0/mlflow/users/create",
            json={"username": USER, "password": USER_PASSWORD},
            auth=(ADMIN, PASSWORD),
            timeout=60,
        ).raise_for_status()
        yield server


def login(monkeypatch: pytest.MonkeyPatch, user: str, password: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)


@pytest.mark.parametrize("call", ["log_metrics", "log_file"])
def test_a_server_that_dies_while_it_is_told_and_comes_back(
    made: RunRecord,
    expected: dict[str, Any],
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    with MlflowServer(tmp_path / "server", empty_store) as server:
        record = made.model_copy(update={"tracking_uri": server.uri})
        asked, calls = getattr(Tracker, call), 0

        def killing(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            # The second time, so that a part is told already.
            if calls == 2:
                server.kill()
            return asked(*args, **kwargs)

        monkeypatch.setattr(Tracker, call, killing)
        with pytest.raises(
            StoreUnreachable, match=f"the MLflow server {server.uri} does not respond"
        ) as error:
            sending.send(record)
        monkeypatch.undo()
        kept = outbox.keep(record, tmp_path / "outbox", str(error.value))
        with pytest.raises(StoreUnreachable, match="Connection refused"):
            sending.send(RunRecord.load(kept), kept)
        server.start()
        sent = sending.send(RunRecord.load(kept), kept)
        assert sending.send(record) == sent
        assert census(server.uri) == expected


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        ("", "", "rejects this user or password (401)"),
        (ADMIN, "a wrong password", "rejects this user or password (401)"),
        (USER, USER_PASSWORD, "denies this user permission (403)"),
    ],
)
def test_a_server_that_refuses(
    made: RunRecord,
    guarded: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    password: str,
    said: str,
) -> None:
    login(monkeypatch, ADMIN, PASSWORD)
    # The experiment is there, and others may read it.
    Tracker(made_store(made, guarded))
    login(monkeypatch, user, password)
    with pytest.raises(StoreRefused) as error:
        sending.send(made.model_copy(update={"tracking_uri": guarded.uri}))
    message = str(error.value)
    assert message.startswith(f"the MLflow server {guarded.uri} {said}; accepted: MLFLOW_TRACKING_USERNAME")
    assert "MLFLOW_TRACKING_PASSWORD" in message and "MLFLOW_TRACKING_TOKEN" in message
    assert not password or password not in message


def made_store(record: RunRecord, server: MlflowServer) -> Any:
    from components.common.tracking.stores import Store

    return Store(server.uri, record.experiment, record.artifact_location)


def test_a_server_that_cannot_write_files(
    made: RunRecord,
    expected: dict[str, Any],
    guarded: MlflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login(monkeypatch, ADMIN, PASSWORD)
    record = made.model_copy(update={"tracking_uri": guarded.uri})
    with pytest.raises(
        ArtifactsRefused, match=f"the MLflow server {guarded.uri} does not take or give files"
    ):
        sending.send(record)
    kept = outbox.keep(record, tmp_path / "outbox", "it cannot write")
    (guarded.folder.parent / "full").unlink()
    sending.send(RunRecord.load(kept), kept)
    assert census(guarded.uri) == expected
    written = b"".join(path.read_bytes() for path in kept.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in written


def test_a_server_that_is_silent(made: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the connection and says nothing, as one that hangs."""
    import socket

    from components.common.tracking import stores

    monkeypatch.setattr(stores, "_HEALTH_SECONDS", 0.2)
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        uri = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        with pytest.raises(StoreUnreachable, match=r"does not respond: .*timed out"):
            open_client(uri)
