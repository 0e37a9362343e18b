"""The comparison of all models that answered the same tasks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.noss_reports import NossModelResult, TfmaSummary
from schemas.noss_task_sets import IngestedTask, UnavailableTask
from schemas.settings import Report, ReportFile


class PairedDifference(Report):
    """Two models on the same clips: the difference of their scores, drawn together."""

    model: str = Field(description="<model>/<variant>, or the model where it has no variants.")
    against: str
    difference: float = Field(description="Mean score of `model` minus that of `against`.")
    low: float = Field(description="Lower end of the paired 95 % interval.")
    high: float = Field(description="Upper end of the paired 95 % interval.")
    tasks: dict[str, tuple[float, float, float]] = Field(description="Difference, low and high by task.")


class ModelSlices(Report):
    """The TFMA evaluation of one model."""

    model: str = Field(description="<model>/<variant>, or the model where it has no variants.")
    tfma: TfmaSummary


class LeftOut(Report):
    """A model that is not in the comparison."""

    model: str = Field(description="<model>/<variant>, or the model where it has no variants.")
    reason: str


class NossComparison(ReportFile):
    """All models of a run, side by side; every one of them answered the same clips by the same rules."""

    FILE: ClassVar[str] = "comparison.json"
    TABLE: ClassVar[str] = "table"
    HEAT_MAP: ClassVar[str] = "heat_map.png"

    tasks: list[IngestedTask]
    unavailable: list[UnavailableTask] = Field(default_factory=list)
    protocol: str
    models: list[NossModelResult] = Field(description="References first, then students, best first.")
    against_teacher: list[PairedDifference] = Field(description="Each other model minus the teacher.")
    against_baselines: list[PairedDifference] = Field(
        default_factory=list, description="Each file of a student minus each baseline and reference."
    )
    against_float: list[PairedDifference] = Field(
        default_factory=list, description="Each quantised file of a student minus its float32 file."
    )
    between_students: list[PairedDifference] = Field(
        description="Pairs of candidates by their best variants, the better one first."
    )
    paired_candidates: int = Field(0, description="How many candidates the pairs are of, the best ones.")
    candidates: int = Field(0, description="How many candidates there are.")
    not_comparable: list[LeftOut] = Field(
        default_factory=list, description="Models of other clips or rules, and those that were refused."
    )
    slices: list[ModelSlices] = Field(default_factory=list, description="Models that have a TFMA evaluation.")

    @property
    def synthetic(self) -> bool:
        """Whether any task's sound was synthesised."""
        return any(task.synthetic for task in self.tasks) or any(
            task.synthetic for model in self.models for task in model.tasks
        )
