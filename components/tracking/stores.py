"""MLflow stores by their address: what can be known of one without asking it, and how to name it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

SQLITE = "sqlite:///"


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


def quieten_mlflow() -> None:
    """No telemetry, no progress bars, no requirement inference; called before MLflow is imported."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_REQUIREMENTS_INFERENCE_RAISE_ERRORS": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking", "mlflow.pyfunc"):
        logging.getLogger(name).setLevel(logging.WARNING)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, None for any other store."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server, which has pages to link to."""
    return uri.startswith(("http://", "https://"))


def without_credentials(uri: str) -> str:
    """An address that may be shown."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri
