"""Layers of a transformer over log-mel patches, in forms that TFLite's builtin operators can hold.

Vaswani et al. 2017 (attention), Dosovitskiy et al. 2021 (pre-norm blocks on patches), Touvron et al. 2021
(a class and a distillation token). Shapes are static but for the batch, and attention is plain matrix
products: no Einsum, which TFLite does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

Positions = np.ndarray[Any, np.dtype[np.float32]]

# Class and distillation token.
TOKENS = 2
EPSILON = 1e-6


def _initializer() -> Any:
    return keras.initializers.TruncatedNormal(stddev=0.02)


@keras.saving.register_keras_serializable(package="tinytrill")
class TokensAndPositions(keras.layers.Layer):
    """Puts the learned tokens before a map and adds to each of its places the learned embedding of the place.

    ``(batch, time, frequency, width)`` to ``(batch, 2 + time * frequency, width)``.
    """

    def build(self, input_shape: Any) -> None:
        """Creates ``tokens`` ``(2, width)`` and ``positions`` ``(time, frequency, width)``."""
        grid = tuple(int(size) for size in input_shape[1:])
        self.tokens = self.add_weight("tokens", (TOKENS, grid[-1]), initializer=_initializer())
        self.positions = self.add_weight("positions", grid, initializer=_initializer())
        super().build(input_shape)

    def call(self, grid: tf.Tensor) -> tf.Tensor:
        """The sequence: class token, distillation token, then the map, moment by moment."""
        time, frequency, width = self.positions.shape
        places = tf.reshape(grid + self.positions, (-1, time * frequency, width))
        # Padding and adding puts the tokens there without asking how large the batch is.
        before = tf.pad(self.tokens, ((0, time * frequency), (0, 0)))
        return tf.pad(places, ((0, 0), (TOKENS, 0), (0, 0))) + before


@keras.saving.register_keras_serializable(package="tinytrill")
class SelfAttention(keras.layers.Layer):
    """Scaled dot-product attention of several heads, between the projections, which are layers of their own.

    Queries, keys and values side by side ``(batch, places, 3 * width)`` to ``(batch, places, width)``.
    """

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads = heads

    def call(self, projected: tf.Tensor) -> tf.Tensor:
        """Softmax of the queries times the keys, times the values."""
        places, width = projected.shape[1], projected.shape[2] // 3
        query, key, value = (self._by_head(part) for part in tf.split(projected, 3, axis=-1))
        scores = tf.matmul(query * (width // self.heads) ** -0.5, key, transpose_b=True)
        mixed = tf.matmul(tf.nn.softmax(scores), value)
        return tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (-1, places, width))

    def get_config(self) -> dict[str, Any]:
        """The number of heads, beside what every layer has."""
        return {**super().get_config(), "heads": self.heads}

    def _by_head(self, part: tf.Tensor) -> tf.Tensor:
        places, width = part.shape[1:]
        split = tf.reshape(part, (-1, places, self.heads, width // self.heads))
        return tf.transpose(split, (0, 2, 1, 3))


@dataclass(frozen=True)
class TransformerBlocks:
    """Appends pre-norm transformer blocks.

    Attributes:
      heads: Of the attention; they divide the width.
      hidden: Units within the perceptron.
      dropout: Share of the outputs of attention and perceptron that training drops.
    """

    heads: int
    hidden: int
    dropout: float = 0.0

    def block(self, x: Any, name: str) -> Any:
        """Attention and perceptron, each behind a layer normalisation and beside a shortcut."""
        width = x.shape[-1]
        inner = dense(3 * width, f"{name}_qkv")(layer_norm(f"{name}_attention_norm")(x))
        inner = SelfAttention(self.heads, name=f"{name}_attention")(inner)
        x = self._add(x, dense(width, f"{name}_attention_out")(inner), f"{name}_attention")
        inner = dense(self.hidden, f"{name}_expand")(layer_norm(f"{name}_mlp_norm")(x))
        inner = keras.layers.Activation("gelu", name=f"{name}_gelu")(inner)
        return self._add(x, dense(width, f"{name}_project")(inner), f"{name}_mlp")

    def _add(self, x: Any, inner: Any, name: str) -> Any:
        if self.dropout:
            inner = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(inner)
        return keras.layers.Add(name=f"{name}_add")([x, inner])


def dense(units: int, name: str) -> Any:
    """A projection of each place."""
    return keras.layers.Dense(units, kernel_initializer=_initializer(), name=name)


def layer_norm(name: str) -> Any:
    """Layer normalisation over the channels."""
    return keras.layers.LayerNormalization(epsilon=EPSILON, name=name)


def fit_positions(positions: Positions, time: int, frequency: int) -> Positions:
    """Interpolates a trained positional embedding to another grid, linearly along both axes.

    For starting a network on patches of one length from weights of another: every weight but this one has
    the same shape in both (Gong et al. 2021, section 2.2, who so carry an image network over to sound).

    Args:
      positions: ``(time, frequency, width)``: the weight ``positions`` of :class:`TokensAndPositions`.
      time: Moments of the new grid.
      frequency: Bands of the new grid.

    Returns:
      ``(time, frequency, width)``. The grids cover the same patch: a place takes the value of the point
      of the old grid that lies at the same share of its length.
    """
    along_time = _interpolation(positions.shape[0], time)
    along_frequency = _interpolation(positions.shape[1], frequency)
    fitted = np.einsum("at,bf,tfw->abw", along_time, along_frequency, positions)
    return fitted.astype(np.float32)


def _interpolation(old: int, new: int) -> np.ndarray[Any, Any]:
    """Weights ``(new, old)`` of the old centres in the new ones; beyond the last centre its value holds."""
    centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(0.0, 1.0 - np.abs(centres[:, None] - np.arange(old)))
