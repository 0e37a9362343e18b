"""Where blessed variants go."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from schemas.settings import Settings


class PusherSettings(Settings):
    """Settings of ``FrontierPusher``."""

    destination: str = Field("", description="Folder of the pushed versions; the pipeline fills it in.")
    tracking_uri: str = Field(
        "",
        description="MLflow tracking and registry URI, without credentials (those come from the environment: "
        "MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN). Empty: "
        "MLFLOW_TRACKING_URI.",
    )
    artifact_location: str = Field(
        "",
        description="Where a new experiment keeps its artifacts; empty: 'mlartifacts' beside a SQLite file, "
        "otherwise the server decides.",
    )
    experiment: str = Field("tinytrill", min_length=1, description="MLflow experiment of the runs.")
    registered_model: str = Field(
        "tinytrill",
        pattern=r"^[^/:]+$",
        description="Registered model that gets a version for each blessed variant.",
    )
    alias: str = Field(
        "candidate",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$",
        description="Alias of the best blessed version; '<alias>-<n>' names each of them, best first.",
    )

    @field_validator("tracking_uri")
    @classmethod
    def _without_credentials(cls, uri: str) -> str:
        if "@" in urlsplit(uri).netloc:
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
