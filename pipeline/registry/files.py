"""The files of a registered version: fetched by name, and believed only if their sha256 is the recorded one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.tracking.faults import TrackingFault
from schemas.reports import ModelDescription

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


class Tampered(TrackingFault):
    """What the store holds is not what the run stored, or nothing tells whether it is."""


def fetch_files(client: MlflowClient, version: ModelVersion, folder: Path) -> ModelDescription:
    """Downloads all files of a version into an empty folder and verifies them.

    Args:
      client: Of the store that holds the version.
      version: Of a registered model.
      folder: Where the files go, by their names; made if it is not there.

    Raises:
      Tampered: If a file is absent, is another one, or has a name that no run stores.
      TrackingFault: If the store does not answer or does not give the files.
    """
    raise NotImplementedError
