"""Which MLflow store a command speaks to."""

from __future__ import annotations

import os
from pathlib import Path

from components.tracking.stores import SQLITE
from pipeline.config_file import ConfigError
from pipeline.layout import RunLayout

TRACKING_URI = "MLFLOW_TRACKING_URI"


def store_of(tracking_uri: str, output: Path | None) -> str:
    """The URI that is named, else that of a run's folder, else that of the environment; no credentials in it.

    Raises:
      ConfigError: If none is named, or the folder has no store.
    """
    if tracking_uri:
        return keep_credentials_aside(tracking_uri)
    if output is not None:
        layout = RunLayout(output.resolve())
        if not layout.mlflow.is_file():
            raise ConfigError(f"--output {output}: {layout.mlflow} is absent; accepted: the folder of a run")
        return f"{SQLITE}{layout.mlflow}"
    if os.environ.get(TRACKING_URI):
        return keep_credentials_aside(os.environ[TRACKING_URI])
    raise ConfigError(
        f"no MLflow store: give --tracking-uri or --output (a run's folder), or set {TRACKING_URI}"
    )


def keep_credentials_aside(uri: str) -> str:
    """An address without credentials; what it held is where MLflow looks for it, in the environment.

    So they come into no configuration, no metadata, no log and no message.
    """
    from urllib.parse import unquote, urlsplit

    from components.tracking.stores import without_credentials

    parts = urlsplit(uri)
    for name, value in (
        ("MLFLOW_TRACKING_USERNAME", parts.username),
        ("MLFLOW_TRACKING_PASSWORD", parts.password),
    ):
        if value:
            os.environ[name] = unquote(value)
    return without_credentials(uri)
