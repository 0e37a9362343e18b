"""What may happen to a sound, on the squared mel magnitudes of a batch, in the graph.

A mel magnitude is ``exp(log_mel) - log_offset``. On its square, gain and filters are factors, and sounds add
up as sounds do that have nothing to do with each other. All randomness is stateless, and each window draws
its own: the same seed, the same change.
"""

from __future__ import annotations

import math

import tensorflow as tf

_TINY = 1e-12
_POWER_DB = math.log(10.0) / 10.0


def to_power(log_mel: tf.Tensor, log_offset: float) -> tf.Tensor:
    """Squared mel magnitudes of log-mels."""
    return tf.square(tf.maximum(tf.exp(log_mel) - log_offset, 0.0))


def to_log_mel(power: tf.Tensor, log_offset: float) -> tf.Tensor:
    """Log-mels of squared mel magnitudes."""
    return tf.math.log(tf.sqrt(power) + log_offset)


def from_db(decibels: tf.Tensor) -> tf.Tensor:
    """The factor of a power."""
    return tf.exp(decibels * _POWER_DB)


def add_at_snr(
    power: tf.Tensor, other: tf.Tensor, snr_db: tuple[float, float], probability: float, seed: tf.Tensor
) -> tf.Tensor:
    """Adds ``other`` to a share of the windows; silence stays as it is.

    Args:
      power: Squared mel magnitudes ``(batch, frames, mels)``.
      other: Of the same shape.
      snr_db: Range of the level of a window over what is added to it.
      probability: Share of the windows.
      seed: Two integers.
    """
    mean, other_mean = (tf.reduce_mean(value, axis=[1, 2], keepdims=True) for value in (power, other))
    snr = drawn(snr_db, probability, math.inf, tf.shape(power)[0], seed)
    scale = from_db(-snr) * mean / tf.maximum(other_mean, _TINY)
    return power + tf.where(tf.minimum(mean, other_mean) < _TINY, 0.0, scale) * other


def steady_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Powers ``(batch, frames, mels)`` of noise whose spectrum is drawn once a window.

    About that spectrum each value is spread exponentially, as the power of Gaussian noise is.
    """
    spectrum = tf.exp(tf.random.stateless_normal([shape[0], 1, shape[2]], seed))
    uniform = tf.random.stateless_uniform(shape, fold_in(seed, 0), minval=1e-7)
    return -tf.math.log(uniform) * spectrum


def change_level(
    power: tf.Tensor, limits: tuple[float, float], probability: float, seed: tf.Tensor
) -> tf.Tensor:
    """Changes the level of a share of the windows by so many decibels."""
    return power * from_db(drawn(limits, probability, 0.0, tf.shape(power)[0], seed))


def drawn(
    limits: tuple[float, float], probability: float, otherwise: float, size: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A number between the limits for a share of the windows, ``(size, 1, 1)``."""
    happens = tf.random.stateless_uniform([size, 1, 1], fold_in(seed, 0)) < probability
    value = tf.random.stateless_uniform([size, 1, 1], fold_in(seed, 1), limits[0], limits[1])
    return tf.where(happens, value, otherwise)


def fold_in(seed: tf.Tensor, number: int) -> tf.Tensor:
    """Another seed for another purpose."""
    return tf.random.experimental.stateless_fold_in(seed, number)
