"""MLflow stores by their address: what can be known of one without asking it, and how to name it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from components.common.tracking.names import ARTIFACTS_FOLDER
from schemas.secrets import redact, split_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from schemas.run_context import RunContext
    from schemas.run_records import RunRecord

SQLITE = "sqlite:///"
TRACKING_URI = "MLFLOW_TRACKING_URI"
# MLflow itself asks a silent server seven times, and waits two minutes each time.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_HEALTH_SECONDS = 5


@dataclass(frozen=True)
class Store:
    """An MLflow store, and where in it a run goes.

    Attributes:
      uri: Tracking and registry URI, without credentials.
      experiment: Name of the experiment.
      artifact_location: Where a new experiment keeps its artifacts; empty: 'mlartifacts' beside a SQLite
        file, otherwise the server decides.
    """

    uri: str
    experiment: str = "tinytrill"
    artifact_location: str = ""

    @classmethod
    def of(cls, run: RunContext | RunRecord) -> Store:
        """The store that a run's context or its record names."""
        return cls(run.tracking_uri, run.experiment, run.artifact_location)


def quieten_mlflow() -> None:
    """No telemetry, no progress bars, no requirement inference; called before MLflow is imported."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_REQUIREMENTS_INFERENCE_RAISE_ERRORS": "false",
        # Or the lock file of the folder one happens to be in is stored with each model.
        "MLFLOW_UV_AUTO_DETECT": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking", "mlflow.pyfunc"):
        logging.getLogger(name).setLevel(logging.WARNING)


def open_client(uri: str) -> MlflowClient:
    """A client of a store that answers; tracking and registry are the same store.

    A server that is gone is known to be gone in seconds, now and at every later call. The environment's own
    MLFLOW_HTTP_REQUEST_* win.

    Args:
      uri: Of the store; what credentials it needs is in the environment.

    Raises:
      ValueError: If the address is empty.
      StoreUnreachable: If nobody answers there.
      StoreRefused: If a SQLite file or its folder may not be written, or credentials are wrong.
      StoreDamaged: If a SQLite file cannot be used as it is.
      TrackingFault: If MLflow cannot use the store.
    """
    from components.common.tracking.faults import telling

    if not uri:
        raise ValueError(
            "no MLflow store: its address is empty; accepted: sqlite:///<file>, http(s)://<server>"
        )
    quieten_mlflow()
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.tracking._tracking_service import utils

    with telling(uri):
        _ask(uri)
        # By the id of a run or model alone: of a store and its copy, one would get the other's files.
        utils._artifact_repos_cache.clear()
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _ask(uri: str) -> None:
    """Raises what the network or the database raises; MLflow would try for minutes.

    What the answer of a server is does not matter here, unless it is failing.
    """
    from mlflow.store.db.db_types import DATABASE_ENGINES

    if is_server(uri):
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        http_request(get_default_host_creds(uri), "/health", "GET", max_retries=0, timeout=_HEALTH_SECONDS)
    elif file := sqlite_file(uri):
        from components.common.tracking.relocation import relocate_store
        from components.common.tracking.sqlite_stores import ensure_store

        ensure_store(file)
        relocate_store(file)
    elif urlsplit(uri).scheme.partition("+")[0] in DATABASE_ENGINES:
        import sqlalchemy

        engine = sqlalchemy.create_engine(uri)
        with engine.connect():
            pass
        engine.dispose()


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, None for any other store."""
    path = uri.removeprefix(SQLITE).partition("?")[0] if uri.startswith(SQLITE) else ""
    return Path(path) if path and path != ":memory:" else None


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server, which has pages to link to."""
    return uri.startswith(("http://", "https://"))


def keep_credentials_aside(uri: str) -> str:
    """An address without credentials; what it held is where MLflow looks for it, in the environment.

    So they come into no configuration, no metadata, no log and no message.
    """
    found = split_credentials(uri)
    for name, value in (
        ("MLFLOW_TRACKING_USERNAME", found.username),
        ("MLFLOW_TRACKING_PASSWORD", found.password),
        ("MLFLOW_TRACKING_TOKEN", found.token),
    ):
        if value:
            os.environ[name] = value
    return found.address


def beside_sqlite(uri: str) -> str | None:
    """Artifact folder beside a SQLite store, None for any other store."""
    file = sqlite_file(uri)
    return (file.resolve().parent / ARTIFACTS_FOLDER).as_uri() if file else None


def run_page(uri: str, experiment_id: str, run_id: str) -> str:
    """Address of a run in MLflow's pages; empty where there are none."""
    return _page(uri, f"experiments/{experiment_id}/runs/{run_id}")


def version_page(uri: str, registered_model: str, version: str) -> str:
    """Address of a registered version in MLflow's pages; empty where there are none."""
    return _page(uri, f"models/{quote(registered_model, safe='')}/versions/{version}")


def _page(uri: str, place: str) -> str:
    return f"{redact(uri).rstrip('/')}/#/{place}" if is_server(uri) else ""
