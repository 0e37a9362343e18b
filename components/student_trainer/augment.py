"""Log-mels of a batch, cut and changed in the graph; all randomness is stateless."""

from __future__ import annotations

import tensorflow as tf

from components.common.modeling.sound_changes import (
    add_at_snr,
    change_level,
    fold_in,
    steady_noise,
    to_log_mel,
    to_power,
)
from components.student_trainer.settings import BatchAugmentation, Masks


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
    mixing, noise, gain = (fold_in(seed, number) for number in range(3))
    power = to_power(log_mel, log_offset)
    if settings.mixing.probability:
        size = tf.shape(power)[0]
        shift = tf.random.stateless_uniform(
            [], fold_in(mixing, 2), minval=1, maxval=tf.maximum(size, 2), dtype=tf.int32
        )
        other = tf.roll(power, shift, axis=0)
        power = add_at_snr(power, other, settings.mixing.snr_db, settings.mixing.probability, mixing)
    if settings.noise.probability:
        other = steady_noise(tf.shape(power), fold_in(noise, 2))
        power = add_at_snr(power, other, settings.noise.snr_db, settings.noise.probability, noise)
    if settings.gain.probability:
        power = change_level(power, settings.gain.db, settings.gain.probability, gain)
    return to_log_mel(power, log_offset)


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
                tf.shape(log_mel)[0], log_mel.shape[axis], masks, fold_in(seed, 100 * axis + number)
            )
            log_mel = tf.where(tf.expand_dims(stripe, 3 - axis), mean, log_mel)
    return log_mel


def _stripe(size: tf.Tensor, length: int, masks: Masks, seed: tf.Tensor) -> tf.Tensor:
    """Which of ``length`` places a stripe covers, ``(size, length)``."""
    widest = min(masks.width, length)
    width = tf.random.stateless_uniform([size, 1], seed, maxval=widest + 1, dtype=tf.int32)
    where = tf.random.stateless_uniform([size, 1], fold_in(seed, 0))
    start = tf.cast(where * tf.cast(length - width + 1, tf.float32), tf.int32)
    place = tf.range(length)[tf.newaxis]
    return tf.logical_and(place >= start, place < start + width)
