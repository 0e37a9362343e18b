"""What a training reads of its windows: batches in a random order, samples, reference losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from components.common.modeling.frontend import LogMelStatistics
from components.student_trainer.augment import middle_crop
from components.student_trainer.losses import target_weights
from components.student_trainer.reading_order import epoch_order
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.window_store import WindowStore
from schemas.distillation_reports import DistillationSetInfo

Array = np.ndarray[Any, Any]

_CALIBRATION_BATCHES = 8
_LEVEL_WINDOWS = 4096
_VALIDATION_BATCH = 512


@dataclass(frozen=True)
class TrainingBatches:
    """The windows of one training.

    Attributes:
      train: Windows to learn from.
      held_out: Windows to validate on.
      settings: Of the training.
      seed: Of the order.
    """

    train: WindowStore
    held_out: WindowStore
    settings: TrainingSettings
    seed: int

    @property
    def batch_size(self) -> int:
        """Windows a step, over all workers."""
        return min(self.settings.batch_size, len(self.train))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        windows = min(len(self.train), self.settings.max_epoch_windows or len(self.train))
        return max(windows // self.batch_size, 1)

    def epoch(self, number: int, part: slice) -> Iterator[tuple[Array, Array]]:
        """Log-mels and targets of the batches of an epoch.

        Args:
          number: Of the epoch, from 0; each has an order of its own.
          part: What is given of each batch.
        """
        shuffled = epoch_order(len(self.train), np.random.default_rng([self.seed, number]))
        return self.train.batches(shuffled[: self.steps_per_epoch * self.batch_size], self.batch_size, part)

    def validation(self) -> Iterator[tuple[Array, Array]]:
        """Log-mels and targets to validate on."""
        return self.held_out.sequential(_VALIDATION_BATCH)

    def calibration(self) -> Iterator[tuple[Array, Array]]:
        """A few batches of log-mels and targets, always the same ones."""
        return islice(self.train.sequential(self.batch_size), _CALIBRATION_BATCHES)

    def levels(self, frames: int) -> tuple[Array, Array]:
        """Mean and deviation, over windows, of a patch's log-mel statistics; each ``(2 * mels,)``."""
        sample = tf.constant(self.train.log_mel[:_LEVEL_WINDOWS].astype(np.float32))
        values = LogMelStatistics()(middle_crop(sample, frames)).numpy()
        return values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)

    def null_loss(self, info: DistillationSetInfo) -> float:
        """Validation loss of a student that always answers with the mean."""
        weights = target_weights(info, self.settings.target_weighting)
        squares = [np.square(target) @ weights for _, target in self.validation()]
        return float(np.concatenate(squares).mean())
