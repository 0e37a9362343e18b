"""Settings of NossIngest."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.common.audio.settings import IntakeSettings
from schemas.noss_tasks import TaskRecord
from schemas.settings import Settings


class TaskChoice(Settings):
    """One task to take in: a name of the catalogue or of a folder, or a record that stands here."""

    name: str = Field(
        "", description="A task of the catalogue, or of a folder below the root; empty if record is given."
    )
    record: TaskRecord | None = Field(None, description="The task itself, if neither has it.")
    limit: int | None = Field(
        None,
        ge=0,
        description="Clips to take at most, stratified by split and label; 0: all; none: as for all tasks.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_one_task(self) -> Self:
        if bool(self.name) == (self.record is not None):
            raise ValueError("accepted: either the name of a task or its record")
        return self

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.record.name if self.record else self.name


class NossIngestSettings(IntakeSettings):
    """Which tasks to take in."""

    root: str = Field("", description="Folder of the tasks; empty if they are synthesised.")
    tasks: tuple[TaskChoice, ...] = Field(
        (),
        description="The tasks; empty: all of the catalogue whose sound is here, and every sub-folder of the "
        "root that has a manifest.csv.",
    )
    require: Literal["all"] | tuple[str, ...] = Field(
        (), description="Tasks without whose sound the run must not start; 'all': every one of tasks."
    )
    tfds_dir: str = Field(
        "", description="Folder of TensorFlow Datasets' prepared data sets; empty: TFDS's own."
    )
    download: bool = Field(
        False, description="Whether TensorFlow Datasets may fetch and prepare what it can by itself."
    )
    limit: int = Field(
        0, ge=0, description="Clips of a task to take at most, stratified by split and label; 0: all."
    )
    max_seconds: float = Field(30.0, gt=0, le=60, description="Longer clips are cut, in seconds.")
    max_missing_share: float = Field(
        0.05, ge=0, le=1, description="The run stops if more of the rows of a split than this have no file."
    )

    @field_validator("tasks")
    @classmethod
    def _names_are_unique(cls, tasks: tuple[TaskChoice, ...]) -> tuple[TaskChoice, ...]:
        names = [choice.task for choice in tasks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two tasks are named {name!r}; accepted: unique names")
        return tasks
