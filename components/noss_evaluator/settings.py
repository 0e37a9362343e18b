"""Settings of ``NossEvaluator``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings
from schemas.students import FrontEndSpec

Subject = Literal["student", "teacher", "logmel"]


class NossEvaluatorSettings(Settings):
    """How the benchmark embeds, probes and reports."""

    hop_samples: int = Field(15_360, gt=0, description="Samples between the windows of a clip.")
    front_end: FrontEndSpec = Field(
        default_factory=FrontEndSpec,
        description="Window of the teacher and front end of the log-mel baseline; a student brings its own.",
    )
    c_grid: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        min_length=1,
        description="Inverse regularisations of the probe to choose from on validation, rising.",
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each 95 % interval.")
    batch_windows: int = Field(256, gt=0, description="Windows that are prepared and embedded together.")
    workers: int = Field(2, gt=0, description="Threads that embed and probe; each loads the model once.")
    require_tasks: tuple[str, ...] = Field((), description="Tasks that must be among the records.")
    tfma: Literal["all", "best", "off"] = Field(
        "best", description="Which results also become a TFMA evaluation: all, each report's best, or none."
    )
    synthetic: bool = Field(False, description="Whether the tasks' sound was synthesised.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.c_grid) != sorted(set(self.c_grid)):
            raise ValueError(f"c_grid must rise and name no value twice, got {list(self.c_grid)}")
        return self
