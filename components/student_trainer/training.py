"""The training of one student: phases, epochs, validation, checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.modeling.frontend import LogMelStatistics
from components.modeling.student import Student, Weights, build_student
from components.student_trainer.checkpoint import Checkpoints, Progress
from components.student_trainer.distiller import Distiller
from components.student_trainer.forms import enter_phase
from components.student_trainer.losses import target_weights
from components.student_trainer.phases import Phase, learning_rate, plan_phases, refit_steps, svd_alpha
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.window_store import WindowStore
from schemas.reports import DistillationSetInfo, EpochMetrics, StudentInfo
from schemas.students import FrontEndSpec, StudentSpec

Array = np.ndarray[Any, Any]

log = logging.getLogger("tinytrill.student_trainer")

_CALIBRATION_BATCHES = 8
_LEVEL_WINDOWS = 4096


@dataclass
class Training:
    """Trains one student and keeps the best weights of its last phase.

    Attributes:
      spec: The candidate.
      front_end: What it hears through.
      settings: Of the training.
      target_info: What the targets are.
      train: Windows to learn from.
      held_out: Windows to validate on.
      seed: Of initialisation and order.
      checkpoints: Where the state is kept between epochs.
    """

    spec: StudentSpec
    front_end: FrontEndSpec
    settings: TrainingSettings
    target_info: DistillationSetInfo
    train: WindowStore
    held_out: WindowStore
    seed: int
    checkpoints: Checkpoints
    after_epoch: Callable[[EpochMetrics], None] | None = None
    _progress: Progress = field(init=False, default_factory=Progress)
    _best: Weights = field(init=False, default_factory=list)

    def run(self) -> tuple[Student, StudentInfo]:
        """Trains, or goes on with an interrupted training, to the end.

        Returns:
          The student as it ships and its description.

        Raises:
          FloatingPointError: If the loss is no longer finite, naming the candidate and the epoch.
        """
        keras.backend.clear_session()
        keras.utils.set_random_seed(self.seed)
        tf.config.experimental.enable_op_determinism()
        phases = plan_phases(self.spec, self.settings)
        distiller = self._build()
        self._resume(distiller, phases)
        for phase in phases:
            self._run_phase(distiller, phase, last=phase is phases[-1])
        student = distiller.student
        student.core.set_weights(self._best)
        return student, self._describe(student)

    def _build(self) -> Distiller:
        student = build_student(self.spec, self.front_end, self.settings.batch_norm_momentum)
        levels = None
        if self.settings.auxiliary_log_mel:
            sample = self.train.log_mel[:_LEVEL_WINDOWS].astype(np.float32)
            values = LogMelStatistics()(tf.constant(sample)).numpy()
            levels = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)
        return Distiller(student, self.target_info, levels, self.settings)

    def _resume(self, distiller: Distiller, phases: list[Phase]) -> None:
        state = self.checkpoints.load()
        if state is None:
            return
        progress, variables, best = state
        done = len(progress.epochs)
        for phase in phases:
            if phase.first < done and phase.name != "float":
                distiller.take(
                    enter_phase(distiller.student, phase.name, self.seed, self._features(distiller))
                )
        for variable, value in zip(distiller.variables(), variables, strict=True):
            variable.assign(value)
        self._progress, self._best = progress, best
        log.info("%s: going on after epoch %d", self.spec.candidate_id, done)

    def _run_phase(self, distiller: Distiller, phase: Phase, last: bool) -> None:
        done = len(self._progress.epochs)
        if phase.last < done:
            return
        if phase.first >= done and phase.name != "float":
            distiller.take(enter_phase(distiller.student, phase.name, self.seed, self._features(distiller)))
        for epoch in range(max(phase.first, done), phase.last + 1):
            metrics = self._run_epoch(distiller, phase, epoch)
            self._keep(distiller, metrics, last)
            if last and self._exhausted():
                log.info("%s: no better since epoch %d", self.spec.candidate_id, self._progress.best_epoch)
                return

    def _run_epoch(self, distiller: Distiller, phase: Phase, epoch: int) -> EpochMetrics:
        started = time.monotonic()
        size, steps = self._batch_size, self._steps_per_epoch
        phase_steps = steps * (phase.last - phase.first + 1)
        refits = refit_steps(phase_steps, self.settings.svd.refits)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.train))[: steps * size]
        losses, rate, alpha = [], 0.0, 1.0
        for index, (log_mel, target) in enumerate(self.train.batches(order, size)):
            if phase.name == "annealed":
                at = (epoch - phase.first) * steps + index
                layer = distiller.student.bottleneck.get_layer("annealed")
                if at in refits and at:
                    layer.refit(self.seed)
                alpha = svd_alpha(at, phase_steps)
                layer.alpha.assign(alpha)
            rate = learning_rate(epoch * steps + index, self.settings.epochs * steps, self.settings)
            losses.append(distiller.step(log_mel, target, rate))
        loss = float(np.mean([value.numpy() for value in losses]))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"{self.spec.candidate_id}: the loss is {loss} in epoch {epoch + 1}; "
                f"a lower training.learning_rate than {self.settings.learning_rate} may help"
            )
        error = self._validate(distiller)
        metrics = EpochMetrics(
            epoch=epoch + 1,
            phase=phase.name,
            loss=loss,
            validation_loss=error,
            learning_rate=rate,
            svd_alpha=alpha
            if phase.name == "annealed"
            else float(not self.spec.low_rank or phase.name == "float"),
            seconds=time.monotonic() - started,
        )
        log.info(
            "%s: epoch %d/%d (%s) loss %.4f validation %.4f, %.0f windows/s",
            self.spec.candidate_id,
            epoch + 1,
            self.settings.epochs,
            phase.name,
            loss,
            error,
            steps * size / metrics.seconds,
        )
        return metrics

    def _keep(self, distiller: Distiller, metrics: EpochMetrics, last: bool) -> None:
        better = last and (
            not self._progress.best_epoch or metrics.validation_loss < self._progress.best_loss
        )
        if better:
            self._best = distiller.student.core.get_weights()
        self._progress = Progress(
            epochs=[*self._progress.epochs, metrics],
            steps=self._progress.steps + self._steps_per_epoch,
            best_epoch=metrics.epoch if better else self._progress.best_epoch,
            best_loss=metrics.validation_loss if better else self._progress.best_loss,
        )
        self.checkpoints.save(self._progress, [value.numpy() for value in distiller.variables()], self._best)
        if self.after_epoch:
            self.after_epoch(metrics)

    def _exhausted(self) -> bool:
        waited = len(self._progress.epochs) - self._progress.best_epoch
        return bool(self.settings.patience) and waited >= self.settings.patience

    def _validate(self, distiller: Distiller) -> float:
        return sum(distiller.evaluate(*batch) for batch in self.held_out.sequential(512)) / len(self.held_out)

    def _features(self, distiller: Distiller) -> Iterator[Array]:
        batches = self.train.sequential(self._batch_size)
        for (log_mel, _), _ in zip(batches, range(_CALIBRATION_BATCHES), strict=False):
            yield distiller.student.features(log_mel, training=False).numpy()

    @property
    def _batch_size(self) -> int:
        return min(self.settings.batch_size, len(self.train))

    @property
    def _steps_per_epoch(self) -> int:
        windows = min(len(self.train), self.settings.max_epoch_windows or len(self.train))
        return max(windows // self._batch_size, 1)

    def _describe(self, student: Student) -> StudentInfo:
        progress = self._progress
        seconds = sum(epoch.seconds for epoch in progress.epochs)
        return StudentInfo(
            candidate_id=self.spec.candidate_id,
            spec=self.spec,
            front_end=self.front_end,
            parameters=student.parameters,
            rank=self.spec.svd_rank,
            target_dim=self.target_info.target_dim,
            target_variance_explained=1.0 - progress.best_loss / self._null_loss(),
            seed=self.seed,
            best_epoch=progress.best_epoch,
            epochs=progress.epochs,
            steps=progress.steps,
            windows_per_second=progress.steps * self._batch_size / seconds,
        )

    def _null_loss(self) -> float:
        weights = target_weights(self.target_info, self.settings.target_weighting)
        squares = [np.square(target) @ weights for _, target in self.held_out.sequential(512)]
        return float(np.concatenate(squares).mean())
