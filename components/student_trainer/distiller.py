"""One step of a distillation: the loss, the gradients, the two optimisers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.modeling.frontend import LogMelStatistics
from components.modeling.student import Student
from components.student_trainer.losses import distillation_loss, squared_error, target_weights
from components.student_trainer.settings import TrainingSettings
from schemas.reports import DistillationSetInfo

Array = np.ndarray[Any, Any]


class Distiller:
    """Trains a student by regression on the teacher's standardised embeddings.

    The backbone and the heads keep their optimiser through all phases; the bottleneck gets a fresh one
    whenever its form changes.

    Attributes:
      student: The student in its present form.
      target_head: Embedding to the teacher's dimension.
      level_head: Embedding to the window's log-mel mean and deviation, or None.
    """

    def __init__(
        self,
        student: Student,
        target_info: DistillationSetInfo,
        levels: tuple[Array, Array] | None,
        settings: TrainingSettings,
    ) -> None:
        """Builds the heads.

        Args:
          student: With fresh weights.
          target_info: What the targets are.
          levels: Mean and deviation, each ``(2 * mels,)``, that standardise the auxiliary target.
          settings: Of the training.
        """
        width = student.spec.embedding_width
        self._settings = settings
        self._weights = tf.constant(target_weights(target_info, settings.target_weighting))
        self._blocks = target_info.target_blocks
        self._statistics = LogMelStatistics()
        self._levels = None if levels is None else tuple(tf.constant(value) for value in levels)
        self.target_head = _linear_head(width, target_info.target_dim, "target_head")
        self.level_head = None if levels is None else _linear_head(width, len(levels[0]), "level_head")
        self._optimizer = _adam()
        self._optimizer.build(self._shared_variables(student))
        self.take(student)

    def take(self, student: Student) -> None:
        """Goes on with another form of the same student."""
        self.student = student
        self._bottleneck_optimizer = _adam()
        self._bottleneck_optimizer.build(student.bottleneck.trainable_variables)
        self._step = tf.function(self._train_step, reduce_retracing=True)
        self._evaluate = tf.function(self._squared_error, reduce_retracing=True)

    def step(self, log_mel: Array, target: Array, learning_rate: float) -> tf.Tensor:
        """One optimiser step on a batch; returns the loss as a scalar tensor."""
        self._optimizer.learning_rate.assign(learning_rate)
        self._bottleneck_optimizer.learning_rate.assign(learning_rate)
        return self._step(tf.constant(log_mel), tf.constant(target))

    def evaluate(self, log_mel: Array, target: Array) -> float:
        """Weighted squared error in inference mode, summed over the windows."""
        return float(self._evaluate(tf.constant(log_mel), tf.constant(target)))

    def variables(self) -> list[tf.Variable]:
        """All that a checkpoint must hold, in a fixed order."""
        heads = self.target_head.variables + (self.level_head.variables if self.level_head else [])
        return [
            *self.student.core.variables,
            *heads,
            *self._optimizer.variables,
            *self._bottleneck_optimizer.variables,
        ]

    def _train_step(self, log_mel: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            embedding = self.student.core(log_mel, training=True)
            loss = distillation_loss(
                self.target_head(embedding), target, self._weights, self._blocks, self._settings.loss
            )
            if self.level_head is not None:
                expected = self._level_targets(log_mel)
                error = tf.reduce_mean(tf.math.squared_difference(self.level_head(embedding), expected))
                loss += self._settings.auxiliary_log_mel * error
        shared = self._shared_variables(self.student)
        bottleneck = self.student.bottleneck.trainable_variables
        gradients = tape.gradient(loss, shared + bottleneck)
        if self._settings.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._settings.clip_norm)
        self._optimizer.apply_gradients(zip(gradients[: len(shared)], shared, strict=True))
        self._bottleneck_optimizer.apply_gradients(zip(gradients[len(shared) :], bottleneck, strict=True))
        return loss

    def _squared_error(self, log_mel: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        answer = self.target_head(self.student.core(log_mel, training=False))
        return squared_error(answer, target, self._weights) * tf.cast(tf.shape(target)[0], tf.float32)

    def _level_targets(self, log_mel: tf.Tensor) -> tf.Tensor:
        assert self._levels is not None
        mean, deviation = self._levels
        return (self._statistics(log_mel) - mean) / deviation

    def _shared_variables(self, student: Student) -> list[tf.Variable]:
        heads = self.level_head.trainable_variables if self.level_head else []
        return [*student.features.trainable_variables, *self.target_head.trainable_variables, *heads]


def _linear_head(width: int, outputs: int, name: str) -> keras.Model:
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Dense(outputs)(inputs), name=name)


def _adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(jit_compile=False)
