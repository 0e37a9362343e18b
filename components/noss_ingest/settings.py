"""Settings of NossIngest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from components.audio.settings import IntakeSettings
from schemas.settings import Settings

SpeakerDisjoint = bool | Literal["auto"]

_DISJOINT = (
    "Whether a speaker may be in one split only; 'auto': if fewer than half of the speakers are in several."
)


class NossTask(Settings):
    """One labelled task."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Name of the task in records and reports."
    )
    manifest: str = Field(min_length=1, description="Its manifest CSV, relative to the root.")
    speaker_disjoint: SpeakerDisjoint = Field(False, description=_DISJOINT)
    synthetic: bool = Field(False, description="Whether its sound is synthesised.")
    licence: str = Field("", description="Licence of the sound, as reports should state it.")
    limit: int | None = Field(
        None,
        ge=0,
        description="Clips to take at most, stratified by split and label; 0: all; none: as for all tasks.",
    )


class NossIngestSettings(IntakeSettings):
    """Which tasks to take in."""

    root: str = Field("", description="Folder of the tasks; empty if they are synthesised.")
    tasks: tuple[NossTask, ...] = Field(
        (), description="The tasks; empty: every sub-folder of the root that has a manifest.csv."
    )
    speaker_disjoint: SpeakerDisjoint = Field(False, description=f"For tasks found by folder. {_DISJOINT}")
    limit: int = Field(
        0, ge=0, description="Clips of a task to take at most, stratified by split and label; 0: all."
    )
    max_seconds: float = Field(30.0, gt=0, le=60, description="Longer clips are cut, in seconds.")
    max_missing_share: float = Field(
        0.05, ge=0, le=1, description="The run stops if more of the rows of a split than this have no file."
    )

    @field_validator("tasks")
    @classmethod
    def _names_are_unique(cls, tasks: tuple[NossTask, ...]) -> tuple[NossTask, ...]:
        names = [task.name for task in tasks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two tasks are called {name!r}; accepted are unique names")
        return tasks
