"""The tasks that were taken in."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.noss_tasks import Obtain, TaskRecord
from schemas.settings import Report, ReportFile


class IngestedTask(Report):
    """A task as it was taken in."""

    record: TaskRecord
    digest: str = Field(description="Of the record: what decides the figures.")
    data_digest: str = Field(description="Of the clips used: ids, labels, splits, speakers and samples.")
    source: str = Field(description="Where its sound was found.")
    n_original: dict[str, int] = Field(description="Clips of the source, by split.")
    n_used: dict[str, int] = Field(description="Clips that became records, by split.")
    synthetic: bool = False


class UnavailableTask(Report):
    """A task whose sound is not here."""

    name: str
    reason: str = Field(description="What was looked for and not found.")
    obtain: Obtain


class NossTaskSet(ReportFile):
    """The tasks whose clips an Examples artifact holds; lies at its top."""

    FILE: ClassVar[str] = "noss_tasks.json"

    tasks: list[IngestedTask]
    unavailable: list[UnavailableTask] = Field(default_factory=list)
