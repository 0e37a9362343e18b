"""Log-mels of a batch, cut and changed in the graph.

A mel magnitude is ``exp(log_mel) - log_offset``, so gain is exact here, and sounds add up as powers, as
sounds that have nothing to do with each other do. All randomness is stateless: the same seed, the same
change.
"""

from __future__ import annotations

import math

import tensorflow as tf

from components.student_trainer.settings import BatchAugmentation, Masks

_TINY = 1e-12
_POWER_DB = math.log(10.0) / 10.0


def random_crop(log_mel: tf.Tensor, frames: int, seed: tf.Tensor) -> tf.Tensor:
    """A patch of each window, ``(batch, frames, mels)``, from anywhere in it."""
    spare = log_mel.shape[1] - frames
    if not spare:
        return log_mel
    size = tf.shape(log_mel)[0]
    starts = tf.random.stateless_uniform([size], seed, maxval=spare + 1, dtype=tf.int32)
    return tf.gather(log_mel, starts[:, tf.newaxis] + tf.range(frames), batch_dims=1)


def middle_crop(log_mel: tf.Tensor, frames: int) -> tf.Tensor:
    """The patch in the middle of each window, ``(batch, frames, mels)``."""
    start = (log_mel.shape[1] - frames) // 2
    return log_mel[:, start : start + frames]


def fold_patches(log_mel: tf.Tensor, frames: int) -> tf.Tensor:
    """All whole patches of all windows, ``(batch * patches, frames, mels)``, window by window."""
    patches = log_mel.shape[1] // frames
    return tf.reshape(log_mel[:, : patches * frames], (-1, frames, log_mel.shape[2]))


def change_sound(
    log_mel: tf.Tensor, settings: BatchAugmentation, log_offset: float, seed: tf.Tensor
) -> tf.Tensor:
    """Mixes windows, lays noise under them and changes their level, as the settings say.

    Args:
      log_mel: ``(batch, frames, mels)``.
      settings: What is done, how often and how much.
      log_offset: The front end's.
      seed: Two integers.
    """
    if not (settings.mixing.probability or settings.noise.probability or settings.gain.probability):
        return log_mel
    mixing, noise, gain = (_fold(seed, number) for number in range(3))
    power = tf.square(tf.maximum(tf.exp(log_mel) - log_offset, 0.0))
    if settings.mixing.probability:
        size = tf.shape(power)[0]
        shift = tf.random.stateless_uniform(
            [], _fold(mixing, 2), minval=1, maxval=tf.maximum(size, 2), dtype=tf.int32
        )
        other = tf.roll(power, shift, axis=0)
        power = add_at_snr(power, other, settings.mixing.snr_db, settings.mixing.probability, mixing)
    if settings.noise.probability:
        other = steady_noise(tf.shape(power), _fold(noise, 2))
        power = add_at_snr(power, other, settings.noise.snr_db, settings.noise.probability, noise)
    if settings.gain.probability:
        decibels = _drawn(settings.gain.db, settings.gain.probability, 0.0, tf.shape(power)[0], gain)
        power *= tf.exp(decibels * _POWER_DB)
    return tf.math.log(tf.sqrt(power) + log_offset)


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
    snr = _drawn(snr_db, probability, math.inf, tf.shape(power)[0], seed)
    scale = tf.exp(-snr * _POWER_DB) * mean / tf.maximum(other_mean, _TINY)
    return power + tf.where(tf.minimum(mean, other_mean) < _TINY, 0.0, scale) * other


def steady_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Powers ``(batch, frames, mels)`` of noise whose spectrum is drawn once a window.

    About that spectrum each value is spread exponentially, as the power of Gaussian noise is.
    """
    spectrum = tf.exp(tf.random.stateless_normal([shape[0], 1, shape[2]], seed))
    uniform = tf.random.stateless_uniform(shape, _fold(seed, 0), minval=1e-7)
    return -tf.math.log(uniform) * spectrum


def mask(log_mel: tf.Tensor, settings: BatchAugmentation, seed: tf.Tensor) -> tf.Tensor:
    """Fills stripes of frames and of mel bands with the mean of their patch (SpecAugment, Park et al. 2019).

    Args:
      log_mel: ``(batch, frames, mels)``.
      settings: How many stripes of which width.
      seed: Two integers.
    """
    mean = tf.reduce_mean(log_mel, axis=[1, 2], keepdims=True)
    for axis, masks in ((1, settings.spec_time), (2, settings.spec_frequency)):
        for number in range(masks.count):
            stripe = _stripe(
                tf.shape(log_mel)[0], log_mel.shape[axis], masks, _fold(seed, 100 * axis + number)
            )
            log_mel = tf.where(tf.expand_dims(stripe, 3 - axis), mean, log_mel)
    return log_mel


def _stripe(size: tf.Tensor, length: int, masks: Masks, seed: tf.Tensor) -> tf.Tensor:
    """Which of ``length`` places a stripe covers, ``(size, length)``."""
    widest = min(masks.width, length)
    width = tf.random.stateless_uniform([size, 1], seed, maxval=widest + 1, dtype=tf.int32)
    where = tf.random.stateless_uniform([size, 1], _fold(seed, 0))
    start = tf.cast(where * tf.cast(length - width + 1, tf.float32), tf.int32)
    place = tf.range(length)[tf.newaxis]
    return tf.logical_and(place >= start, place < start + width)


def _drawn(
    limits: tuple[float, float], probability: float, otherwise: float, size: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A number between the limits for a share of the windows, ``(size, 1, 1)``."""
    happens = tf.random.stateless_uniform([size, 1, 1], _fold(seed, 0)) < probability
    value = tf.random.stateless_uniform([size, 1, 1], _fold(seed, 1), limits[0], limits[1])
    return tf.where(happens, value, otherwise)


def _fold(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)
