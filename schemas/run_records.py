"""All that is told to MLflow of one pipeline run: written down first, then sent, or kept until it can be.

A record is complete: whoever has its folder can send it, at any time and as often as they like.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from schemas.push_reports import ModelDescription, PushedModel
from schemas.run_context import Provenance
from schemas.settings import Report, ReportFile

RunStatus = Literal["FINISHED", "FAILED"]


class MetricPoint(Report):
    """One value of a metric."""

    name: str
    value: float = Field(description="Finite.")
    step: int = Field(0, description="Epoch, or 0.")
    second: float = Field(0.0, description="Seconds after the run began; fixed, so that it is sent once.")


class RecordedFile(Report):
    """A file to store with a run."""

    path: str = Field(description="Absolute, or relative to the record's folder once it is kept there.")
    folder: str = Field("", description="Folder among the run's artifacts; empty: the top.")

    @property
    def place(self) -> str:
        """Where it lies among the run's artifacts."""
        return Path(self.folder, Path(self.path).name).as_posix()


class RecordedDataset(Report):
    """Data a run used, as MLflow's data set inputs have it."""

    name: str
    digest: str = Field(max_length=36, description="Of its content.")
    source: str = Field(description="Where it lies, without credentials.")
    context: Literal["corpus", "distillation", "evaluation"]
    profile: dict[str, float | int | str] = Field(default_factory=dict, description="Counts and the like.")


class RecordedRun(Report):
    """One MLflow run: the pipeline's own, or a candidate's nested one."""

    name: str
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: list[MetricPoint]
    files: list[RecordedFile]
    datasets: list[RecordedDataset]
    status: RunStatus = "FINISHED"


class RecordedVersion(Report):
    """A version to register: one blessed file for one device."""

    registered_model: str
    device: str
    candidate_id: str
    description: ModelDescription
    folder: str = Field(description="Its pushed version folder; relative once the record is kept.")
    tags: dict[str, str]
    text: str = Field(description="The version in a sentence.")


class RunRecord(ReportFile):
    """One pipeline run, ready to be sent."""

    FILE: ClassVar[str] = "run_record.json"

    run_key: str
    run_name: str
    verdict_digest: str = Field(description="Of what the gate decided; another verdict is another run.")
    given_run_id: str = Field("", description="MLflow run that somebody else opened for this one.")
    parent_run_id: str = Field("", description="MLflow run that was opened when the pipeline began.")
    kept_at: float = Field(
        0.0, description="Seconds since 1970 when it was put into the outbox; 0: it was never kept."
    )
    tracking_uri: str = Field(description="Without credentials.")
    experiment: str
    artifact_location: str = ""
    alias: str = Field(description="Alias of the best version of each registered model.")
    provenance: Provenance | None = None
    parent: RecordedRun
    candidates: dict[str, RecordedRun] = Field(description="By candidate id.")
    versions: list[RecordedVersion]
    models: list[PushedModel] = Field(description="What was pushed to folders; without registrations.")
    destination: str = Field(description="Folder of the pushed versions.")
    output: str = Field(description="The pusher's artifact: gets links and versions when it is sent.")
