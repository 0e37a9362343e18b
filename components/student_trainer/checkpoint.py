"""Checkpoints of a training: everything that the next epoch depends on, or nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from components.modeling.student import Weights, read_arrays, write_arrays
from schemas.settings import Report
from schemas.training_reports import EpochMetrics


class Progress(Report):
    """How far a training has come."""

    FILE: ClassVar[str] = "progress.json"

    epochs: list[EpochMetrics] = Field(default_factory=list)
    steps: int = 0
    rank: int = Field(0, description="Of the bottleneck's factors; 0 while there are none.")
    best_epoch: int = Field(0, description="Counted from 1; 0 while the last phase has not begun.")
    best_loss: float = 0.0


@dataclass
class Checkpoints:
    """One folder a training; a new checkpoint replaces the old one in a single rename."""

    folder: Path

    @classmethod
    def of(cls, scratch: str, key: str) -> Checkpoints:
        """The checkpoints of the training with the given identity."""
        return cls(Path(scratch) / "checkpoints" / key)

    def save(self, progress: Progress, variables: Weights, best: Weights) -> None:
        """Writes the state at the end of an epoch."""
        fresh, current, old = (self.folder / name for name in ("fresh", "current", "old"))
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(parents=True)
        progress.write(fresh, Progress.FILE)
        write_arrays(fresh / "variables.npz", variables)
        write_arrays(fresh / "best.npz", best)
        if current.exists():
            current.rename(old)
        fresh.rename(current)
        shutil.rmtree(old, ignore_errors=True)

    def load(self) -> tuple[Progress, Weights, Weights] | None:
        """The newest complete state: progress, variables, best weights; None if there is none."""
        for name in ("current", "old"):
            folder = self.folder / name
            if folder.is_dir():
                return (
                    Progress.read(folder, Progress.FILE),
                    read_arrays(folder / "variables.npz"),
                    read_arrays(folder / "best.npz"),
                )
        return None

    def remove(self) -> None:
        """Deletes the state of a finished training."""
        shutil.rmtree(self.folder, ignore_errors=True)
