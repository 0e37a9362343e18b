"""What the student trainer made."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.settings import Report, ReportFile
from schemas.students import FrontEndSpec, StudentSpec
from schemas.training_reports import EpochMetrics

# A student that explains a smaller share of its targets' variance has learnt next to nothing: a line through
# a few log-mel statistics explains more.
LEAST_EXPLAINED = 0.05


def explains_nothing(share: float) -> bool:
    """Whether a share of the targets' variance, on held-out windows, is next to nothing; NaN is."""
    return not share >= LEAST_EXPLAINED


class ScreenedStudent(Report):
    """A student that was not trained: what the network of a trained sibling lets expect of it."""

    candidate_id: str
    explained: float | None = Field(
        description="Share of the held-out targets' variance that the best linear map explains, of its rank, "
        "on the features of the sibling's network; none: that was not trained."
    )
    mega_macs: float = Field(description="Multiply-accumulates of a window, in millions.")
    learns: bool = Field(
        True, description="Whether it is trained; else it is fitted to its network, once that is trained."
    )


class Screen(Report):
    """What a short training tells of all students with the same network."""

    siblings: list[ScreenedStudent] = Field(description="Each of them, the trained one among them.")
    epochs: float = Field(
        description="What training and screen took, in epochs of the trained network: its multiply-"
        "accumulates, divided by those of one epoch."
    )
    fit_epochs: float = Field(
        description="What fitting a student to the trained network takes, in epochs of that student."
    )


class StudentInfo(ReportFile):
    """A trained student: what it is, how it was trained and how far it came."""

    FILE: ClassVar[str] = "student.json"
    WEIGHTS: ClassVar[str] = "student.weights.npz"

    candidate_id: str = Field(description="Readable name of the candidate.")
    failure: str = Field("", description="Why the training failed; empty if it did not. No weights then.")
    left_out: bool = Field(False, description="Whether a search left it out: it was never trained.")
    spec: StudentSpec = Field(description="Its typed parameters.")
    front_end: FrontEndSpec = Field(description="The front end it was trained behind.")
    parameters: int = Field(description="Weights of the network that ships (without target heads).")
    rank: int = Field(0, description="Rank of the bottleneck's factors; 0: a full matrix.")
    sparsity: float = Field(0.0, description="Share of zeros among the weights that were pruned.")
    warm_start: str = Field("", description="Digest of the weights it started from; empty: from scratch.")
    target_dim: int = Field(description="Dimensions of the teacher's embedding.")
    target_variance_explained: float = Field(
        description="1 - validation loss / variance, on the standardised targets of the eval split; 0: no "
        "better than their mean."
    )
    seed: int = Field(description="Of initialisation, order and augmentation.")
    best_epoch: int = Field(description="The epoch whose weights were kept.")
    epochs: list[EpochMetrics] = Field(description="The whole training.")
    fitted_loss: float | None = Field(
        None, description="Validation loss after the closing fit of what follows the network; none: not kept."
    )
    steps: int = Field(description="Optimiser steps taken.")
    total_steps: int = Field(
        0,
        description="Optimiser steps behind the weights: those taken, and those of the candidates it started "
        "from; 0: not reported.",
    )
    windows_per_second: float = Field(
        description="Training speed over all epochs, on the machine that trained."
    )

    screen: Screen | None = Field(
        None, description="Of a short training for a search: what it tells of the network's other students."
    )

    @property
    def learnt_nothing(self) -> bool:
        """Whether a training that ended well explains next to nothing of its targets."""
        return not self.failure and explains_nothing(self.target_variance_explained)
