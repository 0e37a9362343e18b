"""What a run tells its components about itself: to whom it reports, and what code it is made with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from schemas.settings import Report


class Provenance(Report):
    """The code and the configuration behind a run."""

    code_version: str = Field(description="Commit, or the package's version where there is no repository.")
    uncommitted: bool = Field(False, description="Whether the working tree differed from that commit.")
    lock_sha256: str = Field("", description="Of requirements.lock; empty: there was none.")
    config_sha256: str = Field("", description="Of the resolved configuration.")
    packages: dict[str, str] = Field(default_factory=dict, description="Versions that decide results.")

    def facts(self) -> dict[str, str]:
        """As ML Metadata's properties and MLflow's tags hold it; the packages are told elsewhere."""
        return {
            "code_version": self.code_version,
            "uncommitted": str(self.uncommitted).lower(),
            "lock_sha256": self.lock_sha256,
            "config_sha256": self.config_sha256,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], prefix: str = "") -> Provenance | None:
        """What :meth:`facts` gave, each name behind a prefix; none if nothing is told."""
        told = {name: facts.get(f"{prefix}{name}", "") for name in cls.model_fields if name != "packages"}
        if not told["code_version"]:
            return None
        return cls.model_validate({**told, "uncommitted": told["uncommitted"] == "true"})


class RunContext(Report):
    """Travels in the environment, not as a parameter: the cache must not see it."""

    VARIABLE: ClassVar[str] = "TINYTRILL_RUN_CONTEXT"

    run_key: str = Field(description="Names the run: the same when it is resumed, retried or cached.")
    run_name: str
    tracking_uri: str = Field(description="MLflow store, without credentials.")
    experiment: str
    artifact_location: str = ""
    parent_run_id: str = Field("", description="MLflow run of the pipeline; empty: it could not be made yet.")
    system_metrics_seconds: float = Field(10.0, description="Between samples of the machine; 0: none.")
    provenance: Provenance

    @classmethod
    def from_environment(cls) -> RunContext | None:
        """The context this process runs in; none if nobody set one."""
        text = os.environ.get(cls.VARIABLE)
        return cls.model_validate_json(text) if text else None
