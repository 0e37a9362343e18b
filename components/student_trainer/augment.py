"""Log-mels of a batch, cut and masked in the graph.

All randomness is stateless: the same seed, the same change.
"""

from __future__ import annotations

import tensorflow as tf

from components.student_trainer.settings import BatchAugmentation, Masks

_fold_in = tf.random.experimental.stateless_fold_in


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
                tf.shape(log_mel)[0], log_mel.shape[axis], masks, _fold_in(seed, 100 * axis + number)
            )
            log_mel = tf.where(tf.expand_dims(stripe, 3 - axis), mean, log_mel)
    return log_mel


def _stripe(size: tf.Tensor, length: int, masks: Masks, seed: tf.Tensor) -> tf.Tensor:
    """Which of ``length`` places a stripe covers, ``(size, length)``."""
    widest = min(masks.width, length)
    width = tf.random.stateless_uniform([size, 1], seed, maxval=widest + 1, dtype=tf.int32)
    where = tf.random.stateless_uniform([size, 1], _fold_in(seed, 0))
    start = tf.cast(where * tf.cast(length - width + 1, tf.float32), tf.int32)
    place = tf.range(length)[tf.newaxis]
    return tf.logical_and(place >= start, place < start + width)
