"""Trains a teacher on pairs of windows."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.checkpoint import Checkpoints, TrainingState
from components.common.modeling.frontend import LogMel
from components.common.modeling.resnet import EMBEDDING, build_resnet
from components.common.store.arrays import Weights
from components.teacher_trainer.objectives import build_objective
from components.teacher_trainer.pairs import PairReader
from components.teacher_trainer.settings import TeacherTrainerSettings
from components.teacher_trainer.views import change_views
from schemas.students import FrontEndSpec
from schemas.trained_teacher import TrainedTeacherInfo
from schemas.training_reports import EpochMetrics

log = logging.getLogger("tinytrill.teacher_trainer")


@dataclass(frozen=True)
class HeldOut:
    """What the network does on the eval split, in inference mode."""

    loss: float
    accuracy: float


class TeacherTraining:
    """One training from fresh weights; the weights of the epoch with the best eval loss stay."""

    def __init__(
        self,
        settings: TeacherTrainerSettings,
        front_end: FrontEndSpec,
        train: PairReader,
        held_out: PairReader,
        seed: int,
        checkpoints: Checkpoints,
    ) -> None:
        """Counts the clips and builds the network.

        Raises:
          ValueError: If a split has too few clips that are long enough.
        """
        self._settings, self._front_end, self._seed = settings, front_end, seed
        self._train, self._held_out, self._checkpoints = train, held_out, checkpoints
        self._clips = {"train": train.count(), "eval": held_out.count()}
        for split, needed in (("train", settings.batch_clips), ("eval", 2)):
            if self._clips[split] < needed:
                raise ValueError(
                    f"the {split} split has {self._clips[split]} clips of at least one and a half windows "
                    f"({1.5 * train.window / 16_000:.2f} s), at least {needed} are needed; "
                    "lower batch_clips or give more sound"
                )
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        self._steps = self._clips["train"] // settings.batch_clips
        self._eval_batch = min(settings.batch_clips, self._clips["eval"])
        self._log_mel = LogMel(front_end)
        self.network = build_resnet(settings.network, front_end)
        self._objective = build_objective(settings.objective, settings.network.embedding_dim)
        self._rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, settings.epochs * self._steps, alpha=settings.final_rate
        )
        self._optimizer = keras.optimizers.Adam(self._rate)
        self._trained = [*self.network.trainable_variables, *self._objective.variables]
        self._optimizer.build(self._trained)
        self._step = tf.function(self._train_step)
        self._judge = tf.function(self._judge_batch)

    def run(self) -> TrainedTeacherInfo:
        """Trains, or goes on with an interrupted training, and leaves the best weights in :attr:`network`.

        Raises:
          ValueError: If the eval loss was never a number.
        """
        progress, best = self._resume()
        for epoch in range(len(progress.epochs) + 1, self._settings.epochs + 1):
            started, cpu_started = time.monotonic(), time.process_time()
            loss = self._epoch(epoch)
            held_out = self.judge()
            metrics = EpochMetrics(
                epoch=epoch,
                phase="train",
                loss=loss,
                validation_loss=held_out.loss,
                learning_rate=float(self._rate(epoch * self._steps)),
                seconds=time.monotonic() - started,
                cpu_seconds=time.process_time() - cpu_started,
            )
            log.info(
                "teacher epoch %d/%d: loss %.4f, eval loss %.4f, eval triplets right %.1f %%, %.1f s",
                epoch,
                self._settings.epochs,
                loss,
                held_out.loss,
                100 * held_out.accuracy,
                metrics.seconds,
            )
            better = held_out.loss < (progress.best_loss if progress.best_epoch else np.inf)
            if better:
                best = self.network.get_weights()
            progress = TrainingState(
                epochs=[*progress.epochs, metrics],
                steps=epoch * self._steps,
                best_epoch=epoch if better else progress.best_epoch,
                best_loss=held_out.loss if better else progress.best_loss,
            )
            self._checkpoints.save(progress, [value.numpy() for value in self._variables()], best)
        if not progress.best_epoch:
            raise ValueError(
                f"the teacher's eval loss was never a number; learning_rate {self._settings.learning_rate:g} "
                "may be too high"
            )
        self.network.set_weights(best)
        return TrainedTeacherInfo(
            network=self._settings.network,
            front_end=self._front_end,
            parameters=self.network.count_params(),
            seed=self._seed,
            objective=self._settings.objective.kind,
            clips=self._clips,
            best_epoch=progress.best_epoch,
            triplet_accuracy=self.judge().accuracy,
            epochs=progress.epochs,
            steps=progress.steps,
        )

    def judge(self) -> HeldOut:
        """Loss and accuracy on the same pairs, changed alike, of the eval split each time."""
        batches = self._held_out.batches(0, self._eval_batch)
        results = np.array(
            [
                [float(value) for value in self._judge(pairs, self._draw(0, number))]
                for number, pairs in enumerate(batches)
            ]
        )
        loss, accuracy = results.mean(axis=0)
        return HeldOut(float(loss), float(accuracy))

    def _resume(self) -> tuple[TrainingState, Weights]:
        """What was done before; nothing, and nothing is best, if there is no checkpoint."""
        found = self._checkpoints.load()
        if found is None:
            return TrainingState(), []
        progress, values, best = found
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)
        log.info("teacher: goes on after epoch %d", len(progress.epochs))
        return progress, best

    def _variables(self) -> list[tf.Variable]:
        """All that a checkpoint must hold, in a fixed order."""
        return [*self.network.variables, *self._objective.variables, *self._optimizer.variables]

    def _epoch(self, epoch: int) -> float:
        settings = self._settings
        batches = self._train.batches(epoch, settings.batch_clips, settings.shuffle_clips)
        losses = [self._step(pairs, self._draw(epoch, number)) for number, pairs in enumerate(batches)]
        return float(np.mean([float(loss) for loss in losses]))

    def _draw(self, epoch: int, number: int) -> tf.Tensor:
        """The seed of a batch's changes."""
        return tf.constant([self._seed * 10_007 + epoch, number])

    def _train_step(self, pairs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, _ = self._objective.judge(*self._embed(pairs, seed, training=True))
        gradients = tape.gradient(loss, self._trained)
        self._optimizer.apply_gradients(zip(gradients, self._trained, strict=True))
        return loss

    def _judge_batch(self, pairs: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._objective.judge(*self._embed(pairs, seed, training=False))

    def _embed(self, pairs: tf.Tensor, seed: tf.Tensor, training: bool) -> Any:
        """Embeddings ``(n, dim)`` of both windows of int16 pairs ``(n, 2, window)``."""
        windows = tf.concat(tf.unstack(pairs, axis=1), axis=0)
        log_mel = self._log_mel(tf.cast(windows, tf.float32) / 32768.0)
        if self._settings.views:
            log_mel = change_views(log_mel, self._settings.views, self._front_end, seed)
        return tf.split(self.network(log_mel, training=training)[EMBEDDING], 2)
