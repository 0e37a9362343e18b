"""The training of one student: phases, epochs, validation, checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.checkpoint import Checkpoints, TrainingState
from components.common.modeling.pruning import Pruning, sparsity
from components.common.modeling.student import Student, build_deployed, build_student
from components.common.store.arrays import Weights
from components.student_trainer import screen as screening
from components.student_trainer.batches import TrainingBatches
from components.student_trainer.distiller import Distiller
from components.student_trainer.distribution import Workers
from components.student_trainer.losses import target_weights
from components.student_trainer.phase_transitions import (
    enter_phase,
    is_annealed,
    is_factored,
    rank_of,
    sample_features,
)
from components.student_trainer.phases import (
    Phase,
    learning_rate,
    learns_more,
    plan_phases,
    refit_steps,
    svd_alpha,
    training_epochs,
)
from components.student_trainer.precision import bfloat16_student
from components.student_trainer.settings import Siblings, TrainingSettings
from components.student_trainer.warm_start import Start, start_from
from components.student_trainer.window_store import WindowStore
from schemas.distillation_reports import DistillationSetInfo
from schemas.student_reports import Screen, StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.training_events import EventKind, TrainingEvent
from schemas.training_reports import EpochMetrics

log = logging.getLogger("tinytrill.student_trainer")

Array = np.ndarray[Any, Any]

# A step computes forward, and backward for activations and for weights.
_STEP_OVER_FORWARD = 3
_FIT_BATCH = 256
_CHECK_EVERY = 50  # steps: reading a loss waits for it


class Trained(NamedTuple):
    """The end of a training: the student as it ships, its description, the heads it was trained with."""

    student: Student
    info: StudentInfo
    heads: Weights


@dataclass
class Training:
    """Trains one student and keeps the best weights of its last phase.

    Attributes:
      spec: The candidate.
      front_end: Its log-mel front end, its own or the run's.
      settings: Of the training.
      target_info: What the targets are.
      train: Windows to learn from.
      held_out: Windows to validate on.
      seed: Of initialisation, order and augmentation.
      checkpoints: Where the state is kept between epochs.
      start: Trained weights to begin with.
      workers: Who trains together; alone by default.
      followed: Whether the curves go to whoever follows the run: those of short trainings do not.
    """

    spec: StudentSpec
    front_end: FrontEndSpec
    settings: TrainingSettings
    target_info: DistillationSetInfo
    train: WindowStore
    held_out: WindowStore
    seed: int
    checkpoints: Checkpoints
    start: Start | None = None
    workers: Workers = field(default_factory=Workers.alone)
    followed: bool = True
    _progress: TrainingState = field(init=False, default_factory=TrainingState)
    _best: Weights = field(init=False, default_factory=list)
    _epochs: int = field(init=False, default=0)

    def run(self) -> Trained:
        """Trains, or goes on with an interrupted training, to the end.

        Raises:
          FloatingPointError: If the loss is no longer finite, naming the candidate and the epoch.
        """
        keras.backend.clear_session()
        keras.utils.set_random_seed(self.seed)
        tf.config.experimental.enable_op_determinism()
        try:
            with self.workers.strategy.scope():
                self._train()
        except FloatingPointError as error:
            self._tell("ended", "training ended without a student", failure=str(error))
            raise
        self._tell("ended", f"training ended, epoch {self._progress.best_epoch} is the best")
        student = build_deployed(self.spec, self.front_end, self._progress.rank)
        weights = len(student.core.weights)
        student.core.set_weights(self._best[:weights])
        heads, fitted = self._closing_fit(student, self._best[weights:])
        return Trained(student, self._describe(student, fitted), heads)

    def _closing_fit(self, student: Student, heads: Weights) -> tuple[Weights, float | None]:
        """Fits what follows the trained network, and keeps that if it is better.

        Returns:
          The heads and, if the fit is kept, its validation loss.
        """
        settings, progress = self.settings, self._progress
        if not settings.linear_fit.windows or learns_more(self.spec) or not progress.epochs:
            return heads, None
        learnt = student.core.get_weights()
        alone = settings.model_copy(update={"ema": 0.0})
        distiller = Distiller(student, self.target_info, self._levels, alone, self.seed)
        self._fit(distiller, settings.linear_fit.whitening)
        loss = self._validate(distiller, len(progress.epochs) - 1)
        log.info(
            "%s: validation %.4f after the closing fit, %.4f before",
            self.spec.candidate_id,
            loss,
            progress.best_loss,
        )
        if loss < progress.best_loss:
            return distiller.heads(), loss
        student.core.set_weights(learnt)
        return heads, None

    def _fit(self, distiller: Distiller, whitening: float) -> None:
        most = self.settings.linear_fit.windows
        fitted = distiller.sample(self.train.sequential(_FIT_BATCH), most)
        judged = distiller.sample(self.held_out.sequential(_FIT_BATCH), most)
        distiller.fit(fitted, judged, whitening)

    def _fit_to_learn(self, distiller: Distiller, whitening: float) -> None:
        """A fit that training goes on from, kept if it is better as training computes.

        Training normalises with each batch's own moments. Where the moving averages of a short training are
        still far from them, a fit to what they give is none to that.
        """
        if not self.settings.linear_fit.windows:
            return
        learnt, heads = distiller.student.core.get_weights(), distiller.heads()
        before = distiller.training_error(self._batches.calibration())
        self._fit(distiller, whitening)
        if not distiller.training_error(self._batches.calibration()) < before:
            distiller.student.core.set_weights(learnt)
            distiller.set_heads(heads)

    @cached_property
    def _levels(self) -> tuple[Array, Array] | None:
        """Mean and deviation of the auxiliary targets; None without them."""
        return self._batches.levels(self.front_end.frames) if self.settings.auxiliary_log_mel else None

    def _train(self) -> None:
        phases = plan_phases(self.spec, self.settings)
        self._epochs = training_epochs(self.spec, self.settings)
        distiller = self._build()
        self._resume(distiller, phases)
        self._tell(
            "began",
            f"training begins, {self._epochs} epochs at most",
            parameters={
                **self.spec.levels(self.front_end),
                "seed": str(self.seed),
                "target_dim": str(self.target_info.target_dim),
            },
        )
        for phase in phases:
            self._run_phase(distiller, phase, last=phase is phases[-1])
        if not phases:
            self._only_fit(distiller)

    def _only_fit(self, distiller: Distiller) -> None:
        self._factor(distiller, fresh=True)
        self._fit(distiller, self.settings.linear_fit.whitening)
        loss = self._validate(distiller, 0)
        self._best = [*distiller.in_float32().core.get_weights(), *distiller.heads()]
        self._progress = self._progress.model_copy(update={"best_loss": loss})

    def failed(self, reason: str) -> StudentInfo:
        """What is written of a training that ended without a student."""
        return self._info().model_copy(update={"failure": reason})

    def screen(self, student: Student | None, siblings: Siblings) -> Screen:
        """What the trained student tells of others with the same network; None: it could not be trained."""
        students, done = siblings.behind(self.spec), len(self._progress.epochs)
        learnt = self._batches.steps_per_epoch * self._batches.batch_size
        most = self.settings.linear_fit.windows
        fit = (min(len(self.train), most) + min(len(self.held_out), most)) / (_STEP_OVER_FORWARD * learnt)
        if student is None:
            screened = screening.unscreened(students, self.front_end, self.settings)
            return Screen(siblings=screened, epochs=done, fit_epochs=fit)
        weights = target_weights(self.target_info, self.settings.target_weighting)
        screened = screening.screen(student, students, self.train, self.held_out, weights, self.settings)
        shown = min(len(self.train), screening.FITTED) + min(len(self.held_out), screening.JUDGED)
        passes = shown * screening.forms(students)
        epochs = done + passes / (_STEP_OVER_FORWARD * learnt)
        return Screen(siblings=screened, epochs=epochs, fit_epochs=fit)

    def _build(self) -> Distiller:
        exact = None
        student = build_student(self.spec, self.front_end, self.settings.batch_norm_momentum)
        if self.settings.precision == "bfloat16":
            exact = student
            student = bfloat16_student(self.spec, self.front_end, self.settings.batch_norm_momentum)
        if self.start:
            taken = start_from(student, self.start.student)
            log.info("%s: starts with %d trained weights", self.spec.candidate_id, taken)
            self._scale_statistics(student, self.start.student)
        distiller = Distiller(
            student, self.target_info, self._levels, self.settings, self.seed, self.workers, exact
        )
        if self.start:
            distiller.set_heads(self.start.heads)
        return distiller

    def _scale_statistics(self, student: Student, source: Student) -> None:
        """Standardises statistics of log-mels that the source has none of, or of other bands."""
        alike = source.spec.statistics_skip and source.front_end.mels == student.front_end.mels
        if student.spec.statistics_skip and not alike:
            mean, deviation = self._batches.levels(self.front_end.frames)
            student.features.get_layer("statistics_bn").set_weights([mean, np.square(deviation)])

    def _resume(self, distiller: Distiller, phases: list[Phase]) -> None:
        state = self.checkpoints.load()
        if state is None:
            return
        progress, variables, best = state
        self._progress, self._best = progress, best
        done = len(progress.epochs)
        for phase in phases:
            if phase.first < done:
                self._enter(distiller, phase, fresh=False)
        for variable, value in zip(distiller.variables(), variables, strict=True):
            variable.assign(value)
        log.info("%s: resuming after epoch %d", self.spec.candidate_id, done)

    def _enter(self, distiller: Distiller, phase: Phase, fresh: bool) -> None:
        """Brings the student into the form of a phase.

        Args:
          distiller: Of the training.
          phase: The one that begins.
          fresh: Whether weights matter: those of an interrupted training are set afterwards.
        """
        taught = is_annealed(distiller.student)
        if fresh and self.start and phase.name in ("float", "annealed"):
            self._fit_to_learn(distiller, whitening=0.0)
        if phase.name in ("factored", "qat"):
            self._factor(distiller, fresh)
            if fresh and (phase.name == "qat" or not taught):
                self._fit_to_learn(distiller, self.settings.linear_fit.whitening)
        if phase.name in ("annealed", "qat"):
            self._choose_rank(distiller)
            whole = phase.name == "qat" and self.spec.qat == "network"
            student = distiller.in_float32() if whole else distiller.student
            patches = self._shown(distiller)
            distiller.take(enter_phase(student, phase.name, self._progress.rank, self.seed, patches))

    def _factor(self, distiller: Distiller, fresh: bool) -> None:
        """Two factors in place of an annealed or a full bottleneck, where the candidate asks for them.

        Those of a full one have no weights yet: they are fitted.
        """
        student = distiller.student
        if not self.spec.low_rank or is_factored(student):
            return
        if not is_annealed(student):
            if fresh and self.spec.svd_energy:
                self._fit(distiller, whitening=0.0)
            self._choose_rank(distiller)
        distiller.take(enter_phase(student, "factored", self._progress.rank, self.seed, ()))

    def _choose_rank(self, distiller: Distiller) -> None:
        if self.spec.low_rank and not self._progress.rank:
            rank = rank_of(distiller.student, self._shown(distiller))
            self._progress = self._progress.model_copy(update={"rank": rank})

    def _shown(self, distiller: Distiller) -> Iterator[Array]:
        """The patches of some windows, always the same ones."""
        return (distiller.patches(tf.constant(log_mel)).numpy() for log_mel, _ in self._batches.calibration())

    def _run_phase(self, distiller: Distiller, phase: Phase, last: bool) -> None:
        done = len(self._progress.epochs)
        if phase.last < done:
            return
        if phase.first >= done:
            self._enter(distiller, phase, fresh=True)
        pruning = self._pruning(distiller)
        for epoch in range(max(phase.first, done), phase.last + 1):
            metrics = self._run_epoch(distiller, phase, epoch, pruning)
            self._keep(distiller, metrics, last)
            if last and self._exhausted():
                log.info("%s: no better since epoch %d", self.spec.candidate_id, self._progress.best_epoch)
                return

    def _pruning(self, distiller: Distiller) -> Pruning | None:
        if not self.spec.sparsity:
            return None
        plan, steps = self.settings.pruning, self._epochs * self._batches.steps_per_epoch
        begin = int(plan.begin * steps)
        end = max(int(plan.end * steps), begin + 1)
        return Pruning(distiller.student, self.spec.sparsity, begin, end, plan.frequency)

    def _run_epoch(
        self, distiller: Distiller, phase: Phase, epoch: int, pruning: Pruning | None
    ) -> EpochMetrics:
        started, cpu_started = time.monotonic(), time.process_time()
        size, steps = self._batches.batch_size, self._batches.steps_per_epoch
        phase_steps = steps * (phase.last - phase.first + 1)
        losses: list[tf.Tensor] = []
        rate, alpha = 0.0, float(phase.name == "float" or not self.spec.low_rank)
        for index, (log_mel, target) in enumerate(self._batches.epoch(epoch, self.workers.part(size))):
            if phase.name == "annealed":
                alpha = self._anneal(distiller, (epoch - phase.first) * steps + index, phase_steps)
            number = epoch * steps + index
            rate = learning_rate(number, self._epochs * steps, self.settings)
            losses.append(distiller.step(log_mel, target, rate, number))
            if pruning:
                pruning.after_step(number)
            if index % _CHECK_EVERY == 0:
                self._check(losses[-1], "loss", epoch)
        loss = self._check(tf.reduce_mean(losses), "loss", epoch)
        error = self._validate(distiller, epoch)
        return EpochMetrics(
            epoch=epoch + 1,
            phase=phase.name,
            loss=loss,
            validation_loss=error,
            learning_rate=rate,
            svd_alpha=alpha,
            seconds=time.monotonic() - started,
            cpu_seconds=time.process_time() - cpu_started,
        )

    def _anneal(self, distiller: Distiller, step: int, steps: int) -> float:
        layer = distiller.student.bottleneck.get_layer("annealed")
        if step and step in refit_steps(steps, self.settings.svd.refits):
            layer.refit(sample_features(distiller.student, self._shown(distiller)), self.seed)
        alpha = svd_alpha(step, steps, self.settings.svd.shape)
        layer.alpha.assign(alpha)
        return alpha

    def _check(self, value: tf.Tensor | float, name: str, epoch: int) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise FloatingPointError(
                f"{self.spec.candidate_id}: the {name} is {number} in epoch {epoch + 1}; "
                f"a lower training.learning_rate than {self.settings.learning_rate} may help"
            )
        return number

    def _keep(self, distiller: Distiller, metrics: EpochMetrics, last: bool) -> None:
        progress = self._progress
        better = last and (not progress.best_epoch or metrics.validation_loss < progress.best_loss)
        if better:
            with distiller.judged() as student:
                self._best = [*student.core.get_weights(), *distiller.heads()]
        self._progress = TrainingState(
            epochs=[*progress.epochs, metrics],
            steps=progress.steps + self._batches.steps_per_epoch,
            rank=progress.rank,
            best_epoch=metrics.epoch if better else progress.best_epoch,
            best_loss=metrics.validation_loss if better else progress.best_loss,
        )
        variables = [value.numpy() for value in distiller.variables()]
        if self.workers.is_chief:
            self.checkpoints.save(self._progress, variables, self._best)
        speed = self._batches.steps_per_epoch * self._batches.batch_size / metrics.seconds
        self._tell(
            "epoch",
            f"epoch {metrics.epoch}/{self._epochs} ({metrics.phase}) loss {metrics.loss:.4f} "
            f"validation {metrics.validation_loss:.4f}, {speed:.0f} windows/s",
            epoch=metrics,
        )

    def _tell(self, kind: EventKind, message: str, **facts: Any) -> None:
        """Says something to people and, if this worker is the chief, to whoever follows the training."""
        candidate_id = self.spec.candidate_id
        event = TrainingEvent(
            kind=kind,
            candidate_id=candidate_id,
            epochs=self._epochs,
            second=sum(epoch.seconds for epoch in self._progress.epochs),
            **facts,
        )
        extra = {TrainingEvent.ATTRIBUTE: event} if self.workers.is_chief and self.followed else None
        log.info("%s: %s", candidate_id, message, extra=extra)

    def _exhausted(self) -> bool:
        waited = len(self._progress.epochs) - self._progress.best_epoch
        return bool(self.settings.patience) and waited >= self.settings.patience

    def _validate(self, distiller: Distiller, epoch: int) -> float:
        with distiller.judged():
            total = sum(distiller.evaluate(*batch) for batch in self._batches.validation())
        return self._check(total / len(self.held_out), "validation loss", epoch)

    @cached_property
    def _batches(self) -> TrainingBatches:
        return TrainingBatches(self.train, self.held_out, self.settings, self.seed)

    def _describe(self, student: Student, fitted: float | None) -> StudentInfo:
        progress = self._progress
        seconds = sum(epoch.seconds for epoch in progress.epochs)
        return self._info().model_copy(
            update={
                "parameters": student.parameters,
                "sparsity": sparsity(student) if self.spec.sparsity else 0.0,
                "fitted_loss": fitted,
                "target_variance_explained": self._explained(fitted),
                "windows_per_second": progress.steps * self._batches.batch_size / seconds if seconds else 0.0,
            }
        )

    def _explained(self, fitted: float | None) -> float:
        """Share of the held-out targets' variance; none where they have none."""
        null_loss = self._batches.null_loss(self.target_info)
        loss = self._progress.best_loss if fitted is None else fitted
        return 1.0 - loss / null_loss if null_loss else 0.0

    def _info(self) -> StudentInfo:
        """What can be said at any time."""
        progress = self._progress
        return StudentInfo(
            candidate_id=self.spec.candidate_id,
            spec=self.spec,
            front_end=self.front_end,
            parameters=0,
            rank=progress.rank,
            warm_start=self.start.digest if self.start else "",
            target_dim=self.target_info.target_dim,
            target_variance_explained=0.0,
            seed=self.seed,
            best_epoch=progress.best_epoch,
            epochs=progress.epochs,
            steps=progress.steps,
            total_steps=self._total_steps(),
            windows_per_second=0.0,
        )

    def _total_steps(self) -> int:
        """Steps behind the weights; 0 where those of the start are not known."""
        before = self.start.total_steps if self.start else 0
        return 0 if self.start and not before else self._progress.steps + before
