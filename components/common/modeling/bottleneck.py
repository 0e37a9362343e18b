"""The bottleneck: the dense layer that makes the embedding, and its compressed forms.

A bottleneck goes through up to three forms while its student trains:

* ``full``: one matrix A, ``(features, embedding)``;
* ``annealed``: alpha * A + (1 - alpha) * B C, alpha falling from 1 to 0 (FRILL, section 3.3). Unlike
  the original, B and C are trained from the first step on which they count, they are re-fitted to the
  matrix in effect only a few times, and what they are fitted to is its outputs: :func:`factorise`;
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


# Share of the mean variance of the features that is added to each: it decides where the sample says nothing.
_SHRINKAGE = 1e-7


class AnnealedDense(keras.layers.Layer):
    """``alpha x A + (1 - alpha) (x B C + shift) + bias``; ``alpha`` and ``shift`` are set, not trained."""

    def __init__(self, units: int, rank: int, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.rank = units, rank

    def build(self, input_shape: Any) -> None:
        """Creates A, B, C, the bias, the shift (0) and alpha (1)."""
        features = int(input_shape[-1])
        self.full = self.add_weight("full", (features, self.units), initializer="glorot_uniform")
        self.reduce = self.add_weight("reduce", (features, self.rank), initializer="glorot_uniform")
        self.expand = self.add_weight("expand", (self.rank, self.units), initializer="glorot_uniform")
        self.bias = self.add_weight("bias", (self.units,), initializer="zeros")
        self.shift = self.add_weight("shift", (self.units,), initializer="zeros", trainable=False)
        self.alpha = self.add_weight("alpha", (), initializer="ones", trainable=False)
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, features)`` to ``(batch, units)``."""
        low_rank = tf.matmul(tf.matmul(features, self.reduce), self.expand) + self.shift
        return self.alpha * tf.matmul(features, self.full) + (1.0 - self.alpha) * low_rank + self.bias

    def refit(self, features: Matrix, seed: int) -> None:
        """Sets B, C and the shift to the best rank-r approximation of the outputs now in effect.

        Args:
          features: A sample, ``(n, features)``.
          seed: Of the randomised SVD.
        """
        alpha = float(self.alpha.numpy())
        effective = alpha * self.full.numpy() + (1 - alpha) * self.reduce.numpy() @ self.expand.numpy()
        reduce, expand = factorise(effective, self.rank, features, seed)
        lost = features.mean(axis=0) @ (effective - reduce @ expand)
        self.reduce.assign(reduce)
        self.expand.assign(expand)
        self.shift.assign((1 - alpha) * self.shift.numpy() + lost)


def factorise(matrix: Matrix, rank: int, features: Matrix, seed: int) -> tuple[Matrix, Matrix]:
    """The factors of a rank whose outputs are nearest to the matrix's, but for a constant.

    The rows of C are principal components of the centred outputs, B the matrix projected on them: the least
    squares of ``(x - mean) (A - B C)`` over the features (reduced-rank regression, Izenman 1975, with the
    outputs as the response). A plain SVD of A would be that only for features that are white. The square
    root of the components' deviations is in each factor. In directions that the sample does not show,
    features count as white, and hardly.

    Args:
      matrix: A ``(features, units)``.
      rank: At most the smaller side of the matrix.
      features: A sample, ``(n, features)``.
      seed: Of the randomised SVD.

    Returns:
      B ``(features, rank)`` and C ``(rank, units)``, float32.
    """
    from sklearn.utils.extmath import randomized_svd

    centred = (features - features.mean(axis=0)).astype(np.float64)
    floor = np.sqrt(_SHRINKAGE * max(np.square(centred).mean(), np.finfo(np.float32).tiny))
    outputs = np.concatenate([centred @ matrix / np.sqrt(len(features)), floor * matrix])
    _, values, right = randomized_svd(outputs, n_components=rank, n_iter=4, random_state=seed)
    root = np.sqrt(np.maximum(values, 1e-6 * values[0]))
    return (matrix @ right.T / root).astype(np.float32), (root[:, None] * right).astype(np.float32)


def rank_for_energy(matrix: Matrix, energy: float, features: Matrix) -> int:
    """The least rank that keeps a share of the outputs' variance.

    Args:
      matrix: ``(features, units)``.
      energy: Share of the variance of the centred outputs to keep, above 0 and below 1.
      features: A sample, ``(n, features)``.

    Returns:
      The rank, at most the largest one at which two factors are smaller than the matrix.
    """
    outputs = (features - features.mean(axis=0)).astype(np.float64) @ matrix
    wide = outputs if outputs.shape[0] <= outputs.shape[1] else outputs.T
    squares = np.maximum(np.linalg.eigvalsh(wide @ wide.T)[::-1], 0.0)
    kept = np.cumsum(squares)
    rank = int(np.searchsorted(kept, energy * kept[-1])) + 1
    largest = largest_rank(*matrix.shape)
    if rank > largest:
        log.warning(
            "rank %d, which keeps %g of what a %dx%d bottleneck gives, does not compress it: %d keeps %.3f",
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
