"""Checkpoints of a training: everything that the next epoch depends on, or nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from components.common.store.arrays import UnreadableWeights, Weights, read_arrays, write_arrays
from components.common.store.publishing import publish, sweep
from schemas.settings import Report, UnreadableReport
from schemas.training_reports import EpochMetrics

_EPOCH = "epoch-"


class TrainingState(Report):
    """How far a training has come."""

    FILE: ClassVar[str] = "progress.json"

    epochs: list[EpochMetrics] = Field(default_factory=list)
    steps: int = 0
    rank: int = Field(0, description="Of the bottleneck's factors; 0 while there are none.")
    best_epoch: int = Field(0, description="Counted from 1; 0 while the last phase has not begun.")
    best_loss: float = 0.0


@dataclass
class Checkpoints:
    """One folder a training, and in it one a checkpoint, by the number of epochs done.

    A checkpoint appears whole or not at all, and the one before goes when it is there: whoever is killed
    leaves one to go on from, and two who are at the same training do not disturb each other.
    """

    folder: Path

    @classmethod
    def of(cls, scratch: str, key: str) -> Checkpoints:
        """The checkpoints of the training with the given identity."""
        return cls(Path(scratch) / "checkpoints" / key)

    def save(self, progress: TrainingState, variables: Weights, best: Weights) -> None:
        """Writes the state at the end of an epoch."""
        done = len(progress.epochs)
        sweep(self.folder)
        with publish(self.folder / f"{_EPOCH}{done:05d}") as partial:
            progress.write(partial, TrainingState.FILE)
            write_arrays(partial / "variables.npz", variables)
            write_arrays(partial / "best.npz", best)
        for folder in self._found():
            if _epochs_of(folder) < done:
                shutil.rmtree(folder, ignore_errors=True)

    def load(self) -> tuple[TrainingState, Weights, Weights] | None:
        """The newest state that can be read: progress, variables, best weights; None if there is none."""
        tried: set[Path] = set()
        while found := [folder for folder in self._found() if folder not in tried]:
            newest = max(found, key=_epochs_of)
            tried.add(newest)
            # Gone, since whoever is at the same training has a newer one; or damaged.
            with suppress(UnreadableReport, UnreadableWeights):
                return (
                    TrainingState.read(newest, TrainingState.FILE),
                    read_arrays(newest / "variables.npz"),
                    read_arrays(newest / "best.npz"),
                )
        return None

    def _found(self) -> list[Path]:
        return [path for path in self.folder.glob(f"{_EPOCH}*") if path.is_dir()]

    def remove(self) -> None:
        """Deletes the state of a finished training."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _epochs_of(folder: Path) -> int:
    return int(folder.name.removeprefix(_EPOCH))
