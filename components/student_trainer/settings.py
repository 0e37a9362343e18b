"""Settings of the student training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings
from schemas.students import StudentSpec


class _Stretch(Settings):
    """A part of the training, in shares of it."""

    begin: float
    end: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.begin >= self.end:
            raise ValueError(f"begin {self.begin} must be below end {self.end}")
        return self


class SvdSchedule(_Stretch):
    """When the bottleneck turns from a full matrix into two small ones."""

    begin: float = Field(0.2, ge=0, lt=1, description="Share of the training after which annealing begins.")
    end: float = Field(0.6, gt=0, lt=1, description="Share after which only the factors are left.")
    shape: Literal["linear", "cosine"] = Field(
        "linear", description="How the full matrix fades: evenly, or slowly at both ends."
    )
    refits: int = Field(4, ge=1, description="How often the factors are refitted while annealing.")


class PruningSchedule(_Stretch):
    """When the weights of a sparse candidate become zero; they stay zero to the end."""

    begin: float = Field(0.2, ge=0, lt=1, description="Share of the training after which pruning begins.")
    end: float = Field(0.7, gt=0, le=1, description="Share after which all that go have gone.")
    frequency: int = Field(50, ge=1, description="Steps between two choices of what is zero.")


class LossWeights(Settings):
    """How much each loss counts; validation is by the mean squared error alone, so that trainings compare."""

    mse: float = Field(1.0, ge=0, description="Mean squared error of the standardised targets.")
    cosine: float = Field(1.0, ge=0, description="1 - cosine of answer and target, teacher by teacher.")
    relational: float = Field(
        0.0, ge=0, description="Squared error of the cosines between the windows of a batch."
    )

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not (self.mse or self.cosine or self.relational):
            raise ValueError("loss.mse, loss.cosine and loss.relational are all 0: one must be above 0")
        return self


class Masks(Settings):
    """Stripes of a patch that are filled with its mean."""

    count: int = Field(0, ge=0, description="Stripes in each patch; 0: none.")
    width: int = Field(8, ge=1, description="Frames or mel bands that a stripe covers at most.")


class BatchAugmentation(Settings):
    """What of the log-mels is hidden from the student in each step.

    Nothing is added to a window: its target would belong to another sound. Louder, noisier and mixed windows
    are made by ``distillation.augment``, whose targets are the teacher's answers to them (Beyer et al.,
    "Knowledge distillation: a good teacher is patient and consistent", 2022).
    """

    spec_time: Masks = Field(default_factory=Masks, description="SpecAugment: stripes of frames.")
    spec_frequency: Masks = Field(default_factory=Masks, description="SpecAugment: stripes of mel bands.")


class LinearFit(Settings):
    """Bottleneck and heads as the best linear maps on the features, in closed form.

    Gradients take many steps to what a least-squares fit finds at once. Students that start from trained
    weights are fitted before they learn, all before their bottleneck changes its form, and at the end those
    whose bottleneck is neither quantised nor sparse, if that explains more of the held-out targets.
    """

    alone: bool | None = Field(
        None,
        description="Whether a student that starts from its own trained network is fitted and not trained "
        "on, unless it has quantisation or sparsity to learn; none: with a search.",
    )

    windows: int = Field(16384, ge=0, description="Windows to fit on at most; 0: no fit.")
    whitening: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Of the embedding that ships. 0: windows lie to each other as in the teacher's space; 1: "
        "each direction counts alike, if noise does not drown it.",
    )

    @property
    def fits_alone(self) -> bool:
        """Whether there are students that are fitted and not trained on."""
        return bool(self.alone and self.windows)


class TrainingSettings(Settings):
    """How a student is distilled."""

    epochs: int = Field(12, ge=1, description="Passes over the distillation windows.")
    warm_epochs: int = Field(
        0,
        ge=0,
        description="Passes of a candidate that starts from trained weights, if it learns; 0: as many as "
        "others.",
    )
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
    augment: BatchAugmentation = Field(
        default_factory=BatchAugmentation, description="What is hidden of a batch."
    )
    longer_windows: Literal["crop", "patches"] = Field(
        "crop",
        description="Which part of a window longer than a patch is used. crop: a patch, another one "
        "each epoch "
        "(the middle one in validation); patches: all whole patches, their embeddings averaged.",
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights, which is validated and kept; 0: no average.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="What the network computes in while it trains. Weights, bottleneck, heads, losses and "
        "what ships are float32; so is a network that is quantised as a whole.",
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
    linear_fit: LinearFit = Field(
        default_factory=LinearFit, description="What follows the network, fitted rather than learnt."
    )
    svd: SvdSchedule = Field(default_factory=SvdSchedule, description="Compression of the bottleneck.")
    qat_begin: float = Field(
        0.75, gt=0, lt=1, description="Share of the training after which the candidate is quantised."
    )
    pruning: PruningSchedule = Field(
        default_factory=PruningSchedule, description="When a sparse candidate loses its weights."
    )
    max_epoch_windows: int = Field(
        0, ge=0, description="Windows an epoch draws at most, other ones each time; 0: all."
    )

    @model_validator(mode="after")
    def _phases_in_order(self) -> Self:
        if self.svd.end > self.qat_begin:
            raise ValueError(
                f"svd.end {self.svd.end} must not be after qat_begin {self.qat_begin}: "
                "only factors that are trained out can be quantised"
            )
        if self.pruning.end <= self.svd.end:
            raise ValueError(
                f"pruning.end {self.pruning.end} must be after svd.end {self.svd.end}: "
                "only factors that are there can be pruned"
            )
        return self


class Siblings(Settings):
    """Students of one network that a search is to judge by the first of them, trained shortly."""

    changes: tuple[dict[str, Any], ...] = Field(
        description="Of each but the first: what it has otherwise. All of them would not fit where the graph "
        "of a pipeline must."
    )

    @classmethod
    def of(cls, students: Sequence[StudentSpec]) -> Self:
        """The siblings of a first student, which comes first here."""
        first, *others = (one.model_dump(mode="json") for one in students)
        return cls(
            changes=tuple(
                {name: value for name, value in other.items() if value != first[name]} for other in others
            )
        )

    def behind(self, first: StudentSpec) -> list[StudentSpec]:
        """All students of the network, the first one among them.

        Raises:
          ValueError: If a change is none of a student's.
        """
        plain = first.model_dump(mode="json")
        return [first, *(StudentSpec.model_validate(plain | change) for change in self.changes)]
