"""Settings of the student training."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings


class SvdSchedule(Settings):
    """When the bottleneck turns from a full matrix into two small ones."""

    begin: float = Field(0.2, ge=0, lt=1, description="Share of the training after which annealing begins.")
    end: float = Field(0.6, gt=0, lt=1, description="Share after which only the factors are left.")
    refits: int = Field(4, ge=1, description="How often the factors are fitted anew while annealing.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.begin >= self.end:
            raise ValueError(f"begin {self.begin} must be below end {self.end}")
        return self


class LossWeights(Settings):
    """How much each loss counts; validation is by the mean squared error alone, so that trainings compare."""

    mse: float = Field(1.0, ge=0, description="Mean squared error of the standardised targets.")
    cosine: float = Field(0.0, ge=0, description="1 - cosine of answer and target, teacher by teacher.")
    relational: float = Field(
        0.0, ge=0, description="Squared error of the cosines between the windows of a batch."
    )

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not (self.mse or self.cosine or self.relational):
            raise ValueError("loss.mse, loss.cosine and loss.relational are all 0: one must be above 0")
        return self


class TrainingSettings(Settings):
    """How a student is distilled."""

    epochs: int = Field(12, ge=1, description="Passes over the distillation windows.")
    batch_size: int = Field(128, ge=2, description="Windows a step.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate of Adam.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps over which the rate rises.")
    final_rate: float = Field(
        0.01, ge=0, le=1, description="Last learning rate as a share of the peak (cosine decay)."
    )
    clip_norm: float = Field(
        1.0, ge=0, description="Gradients are cut to this global norm; 0 switches it off."
    )
    target_weighting: Literal["dimension", "teacher"] = Field(
        "teacher",
        description="dimension: each target dimension counts alike; teacher: each concatenated teacher does.",
    )
    loss: LossWeights = Field(
        default_factory=LossWeights, description="What is made small, and how much of each."
    )
    auxiliary_log_mel: float = Field(
        0.5,
        ge=0,
        description="Weight of predicting the window's log-mel mean and deviation beside the teacher.",
    )
    batch_norm_momentum: float = Field(
        0.95, gt=0, lt=1, description="Of the moving averages; near 1 they never arrive in short trainings."
    )
    patience: int = Field(
        0,
        ge=0,
        description="Epochs of the last phase without a better validation loss before it stops; 0: never.",
    )
    svd: SvdSchedule = Field(default_factory=SvdSchedule, description="Compression of the bottleneck.")
    qat_begin: float = Field(
        0.75, gt=0, lt=1, description="Share of the training after which the bottleneck is quantised."
    )
    max_epoch_windows: int = Field(
        0, ge=0, description="Windows an epoch draws at the most, other ones each time; 0: all."
    )

    @model_validator(mode="after")
    def _phases_in_order(self) -> Self:
        if self.svd.end > self.qat_begin:
            raise ValueError(
                f"svd.end {self.svd.end} must not be after qat_begin {self.qat_begin}: "
                "only factors that are trained out can be quantised"
            )
        return self
