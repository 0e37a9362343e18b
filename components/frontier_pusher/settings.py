"""Where blessed variants go."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from schemas.secrets import split_credentials
from schemas.settings import Settings


class PusherSettings(Settings):
    """Settings of ``FrontierPusher``."""

    destination: str = Field(
        "", description="Folder of the pushed versions; empty: 'pushed' in the run's folder."
    )
    tracking_uri: str = Field(
        "",
        description="MLflow tracking and registry URI, without credentials (those come from the environment: "
        "MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN). Empty: "
        "MLFLOW_TRACKING_URI, else a SQLite file in the run's folder.",
    )
    artifact_location: str = Field(
        "",
        description="Where a new experiment keeps its artifacts; empty: 'mlartifacts' beside a SQLite file, "
        "otherwise the server decides.",
    )
    experiment: str = Field("tinytrill", min_length=1, description="MLflow experiment of the runs.")
    registered_model: str = Field(
        "tinytrill",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$",
        description="Each device has a registered model '<this>-<device>', with a version for each variant "
        "that is blessed for it.",
    )
    alias: str = Field(
        "candidate",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$",
        description="Alias of the version to ship; '<alias>-<n>' names each blessed one, that one first.",
    )
    publish: Literal["blessed", "frontier", "all"] = Field(
        "blessed", description="Which TFLite files are stored with the candidates' runs."
    )
    if_unreachable: Literal["keep", "stop"] = Field(
        "keep",
        description="When MLflow does not take what it is told. keep: the run continues, all is kept in the "
        "outbox, and 'lineage sync' sends it; stop: all is kept too, and the run fails.",
    )
    outbox: str = Field(
        "", description="Folder that keeps what could not be sent; empty: 'outbox' in the run's folder."
    )
    system_metrics_seconds: float = Field(
        10.0, ge=0, description="Seconds between samples of the machine while a student trains; 0: none."
    )

    @field_validator("tracking_uri")
    @classmethod
    def _without_credentials(cls, uri: str) -> str:
        found = split_credentials(uri)
        if found.username or found.password or found.token:
            raise ValueError(
                "tracking_uri holds credentials; accepted: the bare address, with user and password in "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or the whole in MLFLOW_TRACKING_URI"
            )
        return uri

    @field_validator("alias")
    @classmethod
    def _not_taken(cls, alias: str) -> str:
        if alias in ("champion", "previous", "latest"):
            raise ValueError(
                f"alias {alias!r} is set by promotion or by MLflow, not by a run; accepted: 'candidate'"
            )
        return alias
