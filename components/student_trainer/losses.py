"""The losses between a student's answer and the teacher's standardised targets.

All of them weigh the target dimensions alike: :func:`target_weights`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from components.student_trainer.settings import LossWeights
from schemas.distillation_reports import DistillationSetInfo

Array = np.ndarray[Any, Any]

DEAD_SHARE = 0.02
_TINY = 1e-6  # on squared norms that are about 1


def distillation_loss(
    answer: tf.Tensor, target: tf.Tensor, weights: tf.Tensor, blocks: list[int], shares: LossWeights
) -> tf.Tensor:
    """The weighted sum of the losses whose weight is not 0.

    Args:
      answer: What the student says of the targets, ``(batch, target_dim)``.
      target: Standardised targets of the same shape.
      weights: Of the dimensions, ``(target_dim,)``, summing to 1.
      blocks: Dimensions of each teacher.
      shares: How much each loss counts.

    Returns:
      A scalar.
    """
    parts = []
    if shares.mse:
        parts.append(shares.mse * squared_error(answer, target, weights))
    if shares.cosine:
        parts.append(shares.cosine * cosine_distance(answer, target, weights, blocks))
    if shares.relational:
        parts.append(shares.relational * relational_error(answer, target, weights))
    return tf.add_n(parts)


def squared_error(answer: tf.Tensor, target: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared error over the batch, dimensions weighted (FRILL, section 3.1)."""
    per_dimension = tf.reduce_mean(tf.math.squared_difference(answer, target), axis=0)
    return tf.reduce_sum(per_dimension * weights)


def cosine_distance(answer: tf.Tensor, target: tf.Tensor, weights: tf.Tensor, blocks: list[int]) -> tf.Tensor:
    """1 - cosine of answer and target, mean over the batch.

    Each teacher has a cosine of its own, in which its dimensions are weighted; a teacher counts as much as
    its dimensions weigh together.
    """
    total = tf.constant(0.0)
    parts = zip(*(tf.split(value, blocks, axis=-1) for value in (answer, target, weights)), strict=True)
    for said, true, weight in parts:
        root = tf.sqrt(weight)
        cosine = tf.reduce_sum(_unit(said * root) * _unit(true * root), axis=1)
        total += tf.reduce_sum(weight) * tf.reduce_mean(1.0 - cosine)
    return total


def relational_error(answer: tf.Tensor, target: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared difference between how alike the student and the teacher find two windows of the batch.

    Alike is the cosine of the weighted answers, or targets; a window is not compared with itself. After
    "Relational Knowledge Distillation" (Park et al. 2019), which matches distances and angles of a batch.
    """
    root = tf.sqrt(weights)
    alike = [tf.matmul(unit, unit, transpose_b=True) for unit in (_unit(answer * root), _unit(target * root))]
    squares = tf.math.squared_difference(*alike)
    off_diagonal = tf.reduce_sum(squares) - tf.reduce_sum(tf.linalg.diag_part(squares))
    size = tf.cast(tf.shape(target)[0], tf.float32)
    return off_diagonal / tf.maximum(size * (size - 1.0), 1.0)


def target_weights(info: DistillationSetInfo, weighting: str) -> Array:
    """Weights of the target dimensions, summing to 1.

    A dimension that hardly moves beside the others of its teacher weighs nothing: standardised, it would be
    noise as loud as the rest.

    Args:
      info: Of the distillation set.
      weighting: ``dimension``: all live dimensions alike; ``teacher``: all teachers alike.
    """
    ends = np.cumsum(info.target_blocks)
    blocks = np.split(np.array(info.target_std, np.float32), ends[:-1])
    live = [(std > DEAD_SHARE * std.mean()).astype(np.float32) for std in blocks]
    if weighting == "teacher":
        live = [block / block.sum() for block in live]
    weights: Array = np.concatenate(live)
    return weights / weights.sum()


def _unit(rows: tf.Tensor) -> tf.Tensor:
    return rows * tf.math.rsqrt(tf.reduce_sum(tf.square(rows), axis=1, keepdims=True) + _TINY)
