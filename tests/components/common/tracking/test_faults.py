"""What MLflow, the network, the database and the disk raise, told as what a person must do about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.common.tracking.faults import (
    ArtifactsRefused,
    RunMismatch,
    StoreRefused,
    StoreUnreachable,
    TrackingFault,
    telling,
)
from components.common.tracking.stores import open_client

URI = "postgresql://me:secret@database/mlflow"
SHOWN = "postgresql://database/mlflow"


def database_error(said: str) -> Exception:
    """As MLflow raises what a database says."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    try:
        try:
            raise OperationalError("INSERT INTO runs", {}, Exception(said))
        except OperationalError as error:
            raise MlflowException(str(error)) from error
    except MlflowException as error:
        return error


def refused_by_mlflow(said: str, code: str) -> Exception:
    from mlflow.exceptions import RestException

    return RestException({"error_code": code, "message": said})


RAISED: dict[str, tuple[Callable[[], Exception], type[TrackingFault], str]] = {
    "read only": (
        lambda: database_error("attempt to write a readonly database"),
        StoreRefused,
        "is not writable: attempt .*; give this user rights",
    ),
    "cannot be opened": (lambda: database_error("unable to open database file"), StoreRefused, "unable to"),
    "locked": (lambda: database_error("database is locked"), StoreUnreachable, "database is locked"),
    "no rights": (lambda: refused_by_mlflow("no", "PERMISSION_DENIED"), StoreRefused, "denies .*403"),
    "unknown user": (lambda: refused_by_mlflow("?", "UNAUTHENTICATED"), StoreRefused, "rejects .*401"),
    "bad name": (
        lambda: refused_by_mlflow("a bad name", "INVALID_PARAMETER_VALUE"),
        TrackingFault,
        "refuses: .*bad name",
    ),
    "no folder": (
        lambda: PermissionError(13, "Permission denied", "/a/b"),
        ArtifactsRefused,
        "Permission denied: '/a/b'; give this user rights",
    ),
    "no driver": (
        lambda: ModuleNotFoundError("No module named 'psycopg2'"),
        TrackingFault,
        "needs a package: .*psycopg2",
    ),
}


@pytest.mark.parametrize("case", RAISED)
def test_each_has_its_kind_and_names_the_store(case: str) -> None:
    error, kind, said = RAISED[case]
    with pytest.raises(TrackingFault, match=said) as fault, telling(URI):
        raise error()
    assert type(fault.value) is kind
    assert f" {SHOWN} " in str(fault.value)
    # The error itself, which may show credentials, is not shown with it.
    assert fault.value.__cause__ is None and fault.value.__suppress_context__


def test_faults_and_mistakes_of_the_program_pass() -> None:
    with pytest.raises(RunMismatch, match=r"^mine$"), telling(URI):
        raise RunMismatch("mine")
    with pytest.raises(KeyError), telling(URI):
        raise KeyError("tinytrill.files")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass-word")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "to-ken")
    said = f"cannot ask {URI} with pass-word\nand to-ken"
    with pytest.raises(TrackingFault) as fault, telling(URI):
        raise refused_by_mlflow(said, "BAD_REQUEST")
    assert f"cannot ask {SHOWN} with *** and ***" in str(fault.value)
    assert "secret" not in str(fault.value)


@contextmanager
def answering(statuses: dict[str, int]) -> Iterator[str]:
    """A server that answers a path with a status, and everything else with an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            status = next((code for path, code in statuses.items() if path in self.path), 200)
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PUT = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of patience wins."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_a_proxy_without_its_server_is_told(impatient: None) -> None:
    with answering({"/health": 502}) as uri, pytest.raises(StoreUnreachable, match="502") as fault:
        open_client(uri)
    assert str(fault.value).startswith(f"the MLflow server {uri} does not respond")


@pytest.mark.parametrize("status", [200, 401, 404])
def test_whoever_answers_is_asked(impatient: None, status: int) -> None:
    with answering({"/health": status}) as uri:
        assert open_client(uri).search_experiments() == []


@pytest.mark.parametrize(
    ("status", "kind"), [(500, ArtifactsRefused), (507, ArtifactsRefused), (403, StoreRefused)]
)
def test_files_that_a_server_does_not_take(
    impatient: None, tmp_path: Path, status: int, kind: type[TrackingFault]
) -> None:
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    (tmp_path / "file").write_text("content")
    with answering({"/mlflow-artifacts/": status}) as uri:
        files = HttpArtifactRepository(f"{uri}/api/2.0/mlflow-artifacts/artifacts/1")
        with pytest.raises(kind, match=f"the MLflow server {uri} .*{status}"), telling(uri):
            files.log_artifact(str(tmp_path / "file"))


@pytest.mark.parametrize("call", ["search", "write", "upload", "download"])
def test_a_server_that_is_gone_is_known_to_be_gone_at_each_call(
    impatient: None, tmp_path: Path, call: str
) -> None:
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    (tmp_path / "file").write_text("content")
    with answering({}) as uri:
        client = open_client(uri)
    files = HttpArtifactRepository(f"{uri}/api/2.0/mlflow-artifacts/artifacts/1")
    calls = {
        "search": client.search_experiments,
        "write": lambda: client.set_tag("a" * 32, "name", "value"),
        "upload": lambda: files.log_artifact(str(tmp_path / "file")),
        "download": lambda: files._download_file("file", str(tmp_path / "copy")),
    }
    with pytest.raises(StoreUnreachable, match=f"the MLflow server {uri} does not respond"), telling(uri):
        calls[call]()


def test_patience_is_of_seconds_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow.environment_variables import (
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
        MLFLOW_HTTP_REQUEST_MAX_RETRIES,
        MLFLOW_HTTP_REQUEST_TIMEOUT,
    )

    limits = (
        MLFLOW_HTTP_REQUEST_MAX_RETRIES,
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
        MLFLOW_HTTP_REQUEST_TIMEOUT,
    )
    for limit in limits:
        monkeypatch.delenv(limit.name, raising=False)
    with answering({}) as uri:
        open_client(uri)
        assert [limit.get() for limit in limits] == [2, 1, 20]
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
        open_client(uri)
        assert MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == 5
