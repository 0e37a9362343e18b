"""Which MLflow store a command speaks to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.tracking.stores import SQLITE, TRACKING_URI, keep_credentials_aside, sqlite_file
from pipeline.configuration.config_file import ConfigError
from pipeline.local.relocation import open_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient


def store_of(tracking_uri: str, output: Path | None) -> str:
    """The URI that is named, else that of a run's folder, else that of the environment; no credentials in it.

    Raises:
      ConfigError: If none is named, or the folder has no store.
    """
    if tracking_uri:
        return keep_credentials_aside(tracking_uri)
    if output is not None:
        layout = open_folder(output)
        if not layout.mlflow.is_file():
            raise ConfigError(f"--output {output}: {layout.mlflow} is absent; accepted: the folder of a run")
        return f"{SQLITE}{layout.mlflow}"
    if os.environ.get(TRACKING_URI):
        return keep_credentials_aside(os.environ[TRACKING_URI])
    raise ConfigError(
        f"no MLflow store: give --tracking-uri or --output (a run's folder), or set {TRACKING_URI}"
    )


@contextmanager
def opened(tracking_uri: str, output: Path | None) -> Iterator[MlflowClient]:
    """A client of the store that a command names, around whose use MLflow's errors become faults.

    Raises:
      ConfigError: If no store is named, or a SQLite file is not there: nothing is made by asking.
      TrackingFault: If the store does not answer, or does not respond as expected.
    """
    from components.common.tracking.faults import telling
    from components.common.tracking.stores import open_client

    uri = store_of(tracking_uri, output)
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise ConfigError(f"there is no MLflow store {uri}: the file is absent")
    client = open_client(uri)
    with telling(uri):
        yield client
