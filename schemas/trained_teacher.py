"""A teacher trained by the pipeline: what it is and how it was trained."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field

from schemas.resnet import ResNetSpec
from schemas.settings import Report
from schemas.students import FrontEndSpec
from schemas.training_reports import EpochMetrics


class TrainedTeacherInfo(Report):
    """``teacher.json``: from it the network is rebuilt, and its weights are read from beside it."""

    FILE: ClassVar[str] = "teacher.json"
    WEIGHTS: ClassVar[str] = "teacher.weights.h5"

    network: ResNetSpec = Field(description="The network.")
    front_end: FrontEndSpec = Field(description="Its front end.")
    parameters: int = Field(description="Weights of the network, moving averages included.")
    seed: int = Field(description="Of initialisation, order and pairs.")
    objective: Literal["triplets", "contrastive"] = Field("triplets", description="What it was trained for.")
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
