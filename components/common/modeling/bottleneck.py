"""The bottleneck: the dense layer that makes the embedding, and its compressed forms.

A bottleneck goes through up to three forms while its student trains:

* ``full``: one matrix A, ``(features, embedding)``;
* ``annealed``: alpha * A + (1 - alpha) * B C, alpha falling from 1 to 0 (FRILL, section 3.3). Unlike
  the original, B and C are trained from the first step on which they count, and they are re-fitted to
  the matrix in effect only a few times, by a randomised SVD;
* ``factored``: B, then C. This is what ships.

Quantisation-aware training wraps the full or the factored form.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from schemas.students import check_rank, largest_rank

Matrix = np.ndarray[Any, np.dtype[np.float32]]

log = logging.getLogger("tinytrill.modeling")

NAME = "bottleneck"


class AnnealedDense(keras.layers.Layer):
    """``x (alpha A + (1 - alpha) B C) + bias``; ``alpha`` is set from outside, not trained."""

    def __init__(self, units: int, rank: int, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.rank = units, rank

    def build(self, input_shape: Any) -> None:
        """Creates A, B, C, the bias and alpha (1)."""
        features = int(input_shape[-1])
        self.full = self.add_weight("full", (features, self.units), initializer="glorot_uniform")
        self.reduce = self.add_weight("reduce", (features, self.rank), initializer="glorot_uniform")
        self.expand = self.add_weight("expand", (self.rank, self.units), initializer="glorot_uniform")
        self.bias = self.add_weight("bias", (self.units,), initializer="zeros")
        self.alpha = self.add_weight("alpha", (), initializer="ones", trainable=False)
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, features)`` to ``(batch, units)``."""
        low_rank = tf.matmul(tf.matmul(features, self.reduce), self.expand)
        return self.alpha * tf.matmul(features, self.full) + (1.0 - self.alpha) * low_rank + self.bias

    def refit(self, seed: int) -> None:
        """Sets B and C to the best rank-r approximation of the matrix now in effect."""
        alpha = float(self.alpha.numpy())
        effective = alpha * self.full.numpy() + (1 - alpha) * self.reduce.numpy() @ self.expand.numpy()
        reduce, expand = factorise(effective, self.rank, seed)
        self.reduce.assign(reduce)
        self.expand.assign(expand)


def factorise(matrix: Matrix, rank: int, seed: int) -> tuple[Matrix, Matrix]:
    """The best factors of a rank, with the square root of the singular values in each.

    Args:
      matrix: ``(features, units)``.
      rank: At most the smaller side of the matrix.
      seed: Of the randomised SVD.

    Returns:
      B ``(features, rank)`` and C ``(rank, units)``, float32.
    """
    from sklearn.utils.extmath import randomized_svd

    left, values, right = randomized_svd(matrix, n_components=rank, n_iter=4, random_state=seed)
    root = np.sqrt(values)
    return (left * root).astype(np.float32), (root[:, None] * right).astype(np.float32)


def rank_for_energy(matrix: Matrix, energy: float) -> int:
    """The least rank that keeps a share of a matrix.

    Args:
      matrix: ``(features, units)``.
      energy: Share of the squared singular values to keep, above 0 and below 1.

    Returns:
      The rank, at most the largest one at which two factors are smaller than the matrix.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide.astype(np.float64)
    squares = np.maximum(np.linalg.eigvalsh(wide @ wide.T)[::-1], 0.0)
    kept = np.cumsum(squares)
    rank = int(np.searchsorted(kept, energy * kept[-1])) + 1
    largest = largest_rank(*matrix.shape)
    if rank > largest:
        log.warning(
            "rank %d, which keeps %g of a %dx%d bottleneck, does not compress it: %d keeps %.3f",
            rank,
            energy,
            *matrix.shape,
            largest,
            kept[largest - 1] / kept[-1],
        )
    return min(rank, largest)


def full(features: int, units: int) -> keras.Model:
    """The uncompressed bottleneck."""
    inputs = keras.Input((features,), name="features")
    return keras.Model(inputs, keras.layers.Dense(units, name="embedding_dense")(inputs), name=NAME)


def annealed(features: int, units: int, rank: int) -> keras.Model:
    """The bottleneck while it turns from full to factored."""
    inputs = keras.Input((features,), name="features")
    return keras.Model(inputs, AnnealedDense(units, rank, name="annealed")(inputs), name=NAME)


def factored(features: int, units: int, rank: int) -> keras.Model:
    """The compressed bottleneck: ``(features, rank)``, then ``(rank, units)``."""
    check_rank(rank, features, units)
    inputs = keras.Input((features,), name="features")
    x = keras.layers.Dense(rank, use_bias=False, name="reduce_dense")(inputs)
    return keras.Model(inputs, keras.layers.Dense(units, name="embedding_dense")(x), name=NAME)


def quantised(bottleneck: keras.Model) -> keras.Model:
    """Puts fake quantisation (8 bit) round every dense layer of a full or factored bottleneck.

    The weights are carried over. ``quantize_model`` both annotates and applies: annotating alone, as
    the original did, leaves a network without a single quantiser.
    """
    import tensorflow_model_optimization as tfmot

    return tfmot.quantization.keras.quantize_model(bottleneck)
