"""A teacher trained by the pipeline: its network and how it was trained."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field

from schemas.settings import Report, Settings
from schemas.students import FrontEndSpec
from schemas.training_reports import EpochMetrics


class ResNetSpec(Settings):
    """A ResNet of bottleneck blocks on log-mel patches; the defaults are TRILL's ResNet-50.

    He et al., "Deep Residual Learning for Image Recognition" (2016), table 1; Shor et al., "Towards
    Learning a Universal Non-Semantic Representation of Speech" (Interspeech 2020), section 3.2.
    """

    depths: tuple[int, ...] = Field(
        (3, 4, 6, 3), min_length=1, max_length=5, description="Blocks of each stage."
    )
    width: int = Field(
        64, ge=4, description="Channels of the stem and of the first stage's inner convolutions."
    )
    expansion: int = Field(4, ge=1, description="Outer channels of a block as a multiple of its inner ones.")
    embedding_dim: int = Field(512, ge=8, description="Dimensions of the embedding.")
    batch_norm_momentum: float = Field(
        0.95, gt=0, lt=1, description="Of the moving averages; near 1 they never arrive in short trainings."
    )


class TrainedTeacherInfo(Report):
    """``teacher.json``: from it the network is rebuilt, and its weights are read from beside it."""

    FILE: ClassVar[str] = "teacher.json"
    WEIGHTS: ClassVar[str] = "teacher.weights.h5"

    network: ResNetSpec = Field(description="The network.")
    front_end: FrontEndSpec = Field(description="The front end it hears through.")
    parameters: int = Field(description="Weights of the network, moving averages included.")
    seed: int = Field(description="Of initialisation, order and pairs.")
    clips: dict[str, int] = Field(description="Clips long enough for a pair, by split.")
    best_epoch: int = Field(description="The epoch whose weights were kept.")
    triplet_accuracy: float = Field(
        description="Share of the eval split's triplets, negatives at random, whose positive is nearer."
    )
    epochs: list[EpochMetrics] = Field(description="The whole training.")
    steps: int = Field(description="Optimiser steps taken.")

    def save(self, folder: str) -> None:
        """Writes ``teacher.json`` into ``folder``."""
        self.write(folder, self.FILE)

    @classmethod
    def load(cls, folder: str) -> Self:
        """Reads ``teacher.json`` from ``folder``."""
        return cls.read(folder, cls.FILE)
