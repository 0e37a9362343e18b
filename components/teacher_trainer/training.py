"""Trains a teacher by triplets."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.frontend import LogMel
from components.common.modeling.resnet import EMBEDDING, build_resnet
from components.teacher_trainer.pairs import PairReader
from components.teacher_trainer.settings import TeacherTrainerSettings
from components.teacher_trainer.triplets import semi_hard_loss, triplet_accuracy
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
    ) -> None:
        """Counts the clips and builds the network.

        Raises:
          ValueError: If a split has too few clips that are long enough.
        """
        self._settings, self._front_end, self._seed = settings, front_end, seed
        self._train, self._held_out = train, held_out
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
        self._rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, settings.epochs * self._steps, alpha=settings.final_rate
        )
        self._optimizer = keras.optimizers.Adam(self._rate)
        self._step = tf.function(self._train_step)
        self._judge = tf.function(self._judge_batch)

    def run(self) -> TrainedTeacherInfo:
        """Trains, and leaves the best weights in :attr:`network`."""
        epochs: list[EpochMetrics] = []
        best, best_epoch, best_weights = HeldOut(np.inf, 0.0), 0, self.network.get_weights()
        for epoch in range(1, self._settings.epochs + 1):
            started = time.monotonic()
            loss = self._epoch(epoch)
            held_out = self.judge()
            metrics = EpochMetrics(
                epoch=epoch,
                phase="train",
                loss=loss,
                validation_loss=held_out.loss,
                learning_rate=float(self._rate(epoch * self._steps)),
                seconds=time.monotonic() - started,
            )
            epochs.append(metrics)
            log.info(
                "teacher epoch %d/%d: loss %.4f, eval loss %.4f, eval triplets right %.1f %%, %.1f s",
                epoch,
                self._settings.epochs,
                loss,
                held_out.loss,
                100 * held_out.accuracy,
                metrics.seconds,
            )
            if held_out.loss < best.loss:
                best, best_epoch, best_weights = held_out, epoch, self.network.get_weights()
        if not best_epoch:
            raise ValueError(
                f"the teacher's eval loss was never a number; learning_rate {self._settings.learning_rate:g} "
                "may be too high"
            )
        self.network.set_weights(best_weights)
        return TrainedTeacherInfo(
            network=self._settings.network,
            front_end=self._front_end,
            parameters=self.network.count_params(),
            seed=self._seed,
            clips=self._clips,
            best_epoch=best_epoch,
            triplet_accuracy=best.accuracy,
            epochs=epochs,
            steps=self._settings.epochs * self._steps,
        )

    def judge(self) -> HeldOut:
        """Loss and accuracy on the same pairs of the eval split each time."""
        batches = self._held_out.batches(0, self._eval_batch)
        results = np.array([[float(value) for value in self._judge(pairs)] for pairs in batches])
        loss, accuracy = results.mean(axis=0)
        return HeldOut(float(loss), float(accuracy))

    def _epoch(self, epoch: int) -> float:
        settings = self._settings
        batches = self._train.batches(epoch, settings.batch_clips, settings.shuffle_clips)
        return float(np.mean([float(self._step(pairs)) for pairs in batches]))

    def _train_step(self, pairs: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            anchors, positives = self._embed(pairs, training=True)
            loss = semi_hard_loss(anchors, positives, self._settings.margin)
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self._optimizer.apply_gradients(zip(gradients, self.network.trainable_variables, strict=True))
        return loss

    def _judge_batch(self, pairs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        anchors, positives = self._embed(pairs, training=False)
        return semi_hard_loss(anchors, positives, self._settings.margin), triplet_accuracy(anchors, positives)

    def _embed(self, pairs: tf.Tensor, training: bool) -> Any:
        """Embeddings ``(n, dim)`` of both windows of int16 pairs ``(n, 2, window)``."""
        windows = tf.concat(tf.unstack(pairs, axis=1), axis=0)
        waveforms = tf.cast(windows, tf.float32) / 32768.0
        embeddings = self.network(self._log_mel(waveforms), training=training)[EMBEDDING]
        return tf.split(embeddings, 2)
