"""One step of a distillation: what is fed, the loss, the gradients, the two optimisers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.frontend import LogMelStatistics
from components.common.modeling.student import Student
from components.common.store.arrays import Weights
from components.student_trainer import augment
from components.student_trainer.average import WeightAverage
from components.student_trainer.closed_form import Sample, fit
from components.student_trainer.distribution import Workers
from components.student_trainer.losses import distillation_loss, squared_error, target_weights
from components.student_trainer.settings import TrainingSettings
from schemas.distillation_reports import DistillationSetInfo

Array = np.ndarray[Any, Any]


class Distiller:
    """Trains a student by regression on the teacher's standardised embeddings.

    The network and the heads keep their optimiser as long as they are the same; the bottleneck gets a fresh
    one whenever its form changes, and so does everything when the whole network is quantised.

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
        seed: int = 0,
        workers: Workers | None = None,
        exact: Student | None = None,
    ) -> None:
        """Builds the heads.

        Args:
          student: With fresh weights.
          target_info: What the targets are.
          levels: Mean and deviation, each ``(2 * mels,)``, that standardise the auxiliary target.
          settings: Of the training.
          seed: Of the augmentation.
          workers: Who trains together.
          exact: The same student in float32, where ``student`` computes in less; it is what validation asks.
        """
        width = student.spec.embedding_width
        self._settings, self._seed, self._workers = settings, seed, workers or Workers.alone()
        self._weights = tf.constant(target_weights(target_info, settings.target_weighting))
        self._blocks = target_info.target_blocks
        self._statistics = LogMelStatistics()
        self._levels = None if levels is None else tuple(tf.constant(value) for value in levels)
        self._exact = exact
        self.target_head = _linear_head(width, target_info.target_dim, "target_head")
        self.level_head = None if levels is None else _linear_head(width, len(levels[0]), "level_head")
        self._optimizer = self._trains(self._shared_variables(student))
        self.student = student
        self.take(student)

    def take(self, student: Student) -> None:
        """Goes on with another form of the same student."""
        if student.features is not self.student.features:
            self._optimizer, self._exact = self._trains(self._shared_variables(student)), None
        self.student = student
        self._judged = self._exact.with_bottleneck(student.bottleneck) if self._exact else student
        self._bottleneck_optimizer = self._trains(student.bottleneck.trainable_variables)
        self._average = None
        if self._settings.ema:
            self._average = WeightAverage(
                [*student.core.variables, *self._head_variables], self._settings.ema
            )
        self._step = tf.function(self._distributed_step, reduce_retracing=True)
        self._evaluate = tf.function(self._squared_error, reduce_retracing=True)

    def step(self, log_mel: Array, target: Array, learning_rate: float, number: int = 0) -> tf.Tensor:
        """One optimiser step.

        Args:
          log_mel: This worker's part of the batch, ``(windows, frames, mels)``, a patch or more in time.
          target: Standardised targets ``(windows, target_dim)``.
          learning_rate: Of both optimisers.
          number: Of the step in the whole training: the augmentation depends on it.

        Returns:
          The loss as a scalar tensor.
        """
        self._optimizer.learning_rate.assign(learning_rate)
        self._bottleneck_optimizer.learning_rate.assign(learning_rate)
        loss = self._step(tf.constant(log_mel), tf.constant(target), tf.constant(number))
        if self._average:
            self._average.update()
        return loss

    def evaluate(self, log_mel: Array, target: Array) -> float:
        """Weighted squared error in inference mode, summed over the windows."""
        return float(self._evaluate(tf.constant(log_mel), tf.constant(target)))

    def training_error(self, windows: Iterable[tuple[Array, Array]]) -> float:
        """Weighted squared error in training mode, a mean over batches of windows; nothing is changed."""
        weights = self.student.core.get_weights()
        errors = []
        for log_mel, target in windows:
            embedding = self.student.core(self.patches(tf.constant(log_mel)), training=True)
            answer = self.target_head(self._per_window(embedding, target))
            errors.append(float(squared_error(answer, target, self._weights)))
        self.student.core.set_weights(weights)
        return float(np.mean(errors))

    @contextmanager
    def judged(self) -> Iterator[Student]:
        """The student as it is validated and kept: averaged if the settings say so, and in float32."""
        if self._average is None:
            yield self.in_float32()
            return
        with self._average.applied():
            yield self.in_float32()

    def in_float32(self) -> Student:
        """The student as it is now, in float32."""
        if self._judged is not self.student:
            self._judged.features.set_weights(self.student.features.get_weights())
        return self._judged

    def patches(self, log_mel: tf.Tensor) -> tf.Tensor:
        """What validation is given of windows: ``(windows, frames, mels)``, or all their patches."""
        if self._settings.longer_windows == "patches":
            return augment.fold_patches(log_mel, self._frames)
        return augment.middle_crop(log_mel, self._frames)

    def heads(self) -> Weights:
        """The weights of the heads."""
        return [variable.numpy() for variable in self._head_variables]

    def set_heads(self, weights: Weights) -> None:
        """Takes over what :meth:`heads` gave, as far as the shapes are the same."""
        for variable, value in zip(self._head_variables, weights, strict=False):
            if tuple(variable.shape) == value.shape:
                variable.assign(value)

    def sample(self, windows: Iterable[tuple[Array, Array]], most: int) -> Sample:
        """What the bottleneck takes of the first windows, and what the heads are to answer.

        Args:
          windows: Batches of log-mels and targets.
          most: Windows at most.
        """
        student = self.in_float32()
        shown = tf.function(partial(self._features_and_wanted, student), reduce_retracing=True)
        batches = (shown(tf.constant(log_mel), tf.constant(target)) for log_mel, target in windows)
        return Sample.of(((features.numpy(), wanted.numpy()) for features, wanted in batches), most)

    def fit(self, fitted: Sample, judged: Sample, whitening: float) -> None:
        """Sets bottleneck and heads to the best linear maps on the features as they are.

        Args:
          fitted: Windows to fit on.
          judged: Windows that choose how much the maps are shrunk.
          whitening: Of the embedding: :meth:`LinearMap.through`.
        """
        bottleneck = self.student.bottleneck
        embedding = bottleneck.get_layer("embedding_dense")
        layers = [layer for layer in bottleneck.layers if layer.name == "reduce_dense"]
        rank = layers[0].units if layers else 0
        linear = fit(fitted, judged).through(embedding.units, rank, whitening, self._seed)
        *reduce, last = linear.factors
        for layer, matrix in zip(layers, reduce, strict=True):
            layer.set_weights([matrix])
        embedding.set_weights([last, linear.bias])
        roots = self._roots.numpy()
        weighs = roots > 0
        kernel, bias = np.zeros((embedding.units, len(roots))), np.zeros(len(roots))
        kernel[:, weighs], bias[weighs] = (
            linear.head[:, weighs] / roots[weighs],
            linear.head_bias[weighs] / roots[weighs],
        )
        targets = self._weights.shape[0]
        self.target_head.set_weights([kernel[:, :targets], bias[:targets]])
        if self.level_head is not None:
            self.level_head.set_weights([kernel[:, targets:], bias[targets:]])

    def variables(self) -> list[tf.Variable]:
        """All that a checkpoint must hold, in a fixed order."""
        return [
            *self.student.core.variables,
            *self._head_variables,
            *self._optimizer.variables(),
            *self._bottleneck_optimizer.variables(),
            *(self._average.variables if self._average else []),
        ]

    # Nothing here depends on the value of a tensor, so AutoGraph would rewrite Python for nothing.
    @tf.autograph.experimental.do_not_convert
    def _distributed_step(self, log_mel: tf.Tensor, target: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        strategy = self._workers.strategy
        loss = strategy.run(self._train_step, args=(log_mel, target, number))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, loss, axis=None)

    def _train_step(self, log_mel: tf.Tensor, target: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        seed = tf.random.experimental.stateless_fold_in(tf.stack([self._seed, number]), self._workers.index)
        heard, levels = self._heard(log_mel, seed)
        with tf.GradientTape() as tape:
            embedding = self._per_window(self.student.core(heard, training=True), target)
            loss = distillation_loss(
                self.target_head(embedding), target, self._weights, self._blocks, self._settings.loss
            )
            if self.level_head is not None:
                error = tf.reduce_mean(tf.math.squared_difference(self.level_head(embedding), levels))
                loss += self._settings.auxiliary_log_mel * error
        shared = self._shared_variables(self.student)
        bottleneck = self.student.bottleneck.trainable_variables
        gradients = self._workers.mean(tape.gradient(loss, shared + bottleneck))
        if self._settings.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._settings.clip_norm)
        of_shared, of_bottleneck = gradients[: len(shared)], gradients[len(shared) :]
        for optimizer, pairs in (
            (self._optimizer, zip(of_shared, shared, strict=True)),
            (self._bottleneck_optimizer, zip(of_bottleneck, bottleneck, strict=True)),
        ):
            optimizer.apply_gradients(pairs, experimental_aggregate_gradients=False)
        return loss

    def _heard(self, log_mel: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Patches as the student is given them in training, and what its level head should say of windows."""
        fold = tf.random.experimental.stateless_fold_in
        settings = self._settings
        if settings.longer_windows == "crop":
            log_mel = augment.random_crop(log_mel, self._frames, fold(seed, 10))
        patches = augment.fold_patches(log_mel, self._frames)
        levels = self._level_targets(patches, log_mel) if self.level_head is not None else None
        return augment.mask(patches, settings.augment, fold(seed, 12)), levels

    @tf.autograph.experimental.do_not_convert
    def _squared_error(self, log_mel: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        embedding = self._judged.core(self.patches(log_mel), training=False)
        answer = self.target_head(self._per_window(embedding, target))
        return squared_error(answer, target, self._weights) * tf.cast(tf.shape(target)[0], tf.float32)

    @tf.autograph.experimental.do_not_convert
    def _features_and_wanted(
        self, student: Student, log_mel: tf.Tensor, target: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        patches = self.patches(log_mel)
        features = self._per_window(student.features(patches, training=False), target)
        wanted = target
        if self.level_head is not None:
            wanted = tf.concat([target, self._level_targets(patches, target)], axis=1)
        return features, wanted * self._roots

    @property
    def _roots(self) -> tf.Tensor:
        """Roots of how much each output of the heads counts, targets before levels."""
        roots = tf.sqrt(self._weights)
        if self._levels is None:
            return roots
        levels = len(self._levels[0])
        return tf.concat(
            [roots, tf.fill([levels], (self._settings.auxiliary_log_mel / levels) ** 0.5)], axis=0
        )

    def _per_window(self, values: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        """The mean over the patches of each window."""
        by_window = tf.reshape(values, (tf.shape(windows)[0], -1, values.shape[-1]))
        return tf.reduce_mean(by_window, axis=1)

    def _level_targets(self, patches: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        assert self._levels is not None
        mean, deviation = self._levels
        return (self._per_window(self._statistics(patches), windows) - mean) / deviation

    @property
    def _frames(self) -> int:
        return self.student.front_end.frames

    @property
    def _head_variables(self) -> list[tf.Variable]:
        return [*self.target_head.variables, *(self.level_head.variables if self.level_head else [])]

    def _shared_variables(self, student: Student) -> list[tf.Variable]:
        return [*student.features.trainable_variables, *self._head_variables]

    @staticmethod
    def _trains(variables: list[tf.Variable]) -> keras.optimizers.legacy.Optimizer:
        # One operation a variable. Keras' newer Adam is made of sixteen, which took half the time of a trace.
        optimizer = keras.optimizers.legacy.Adam()
        optimizer._create_all_weights(variables)
        return optimizer


def _linear_head(width: int, outputs: int, name: str) -> keras.Model:
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Dense(outputs)(inputs), name=name)
