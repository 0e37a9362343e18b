"""Windows as another room, another noise, another microphone and another line would have given them.

A recording's channel tells its windows from those of other recordings, so a network that is only asked
which windows belong together may learn the channel and nothing else. Each window is changed independently,
so that what two windows of a clip still share is what is in the sound.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from components.teacher_trainer.settings import Band, Equaliser, Reverberation, Views
from components.teacher_trainer.sound_changes import (
    add_at_snr,
    change_level,
    drawn,
    fold_in,
    from_db,
    steady_noise,
    to_log_mel,
    to_power,
)
from schemas.students import FrontEndSpec

_STOP_BAND_DB = -40.0
_TINY = 1e-12


def change_views(log_mel: tf.Tensor, views: Views, front_end: FrontEndSpec, seed: tf.Tensor) -> tf.Tensor:
    """Changes each window of ``(windows, frames, mels)`` independently.

    Args:
      log_mel: Of the given front end.
      views: What is done, how often and how much.
      front_end: Whose log-mels they are.
      seed: Two integers.
    """
    room, noise, microphone, line, level = (fold_in(seed, number) for number in range(5))
    power = to_power(log_mel, front_end.log_offset)
    hop_s = front_end.hop_samples / front_end.sample_rate
    power = reverberate(power, views.reverberation, hop_s, room)
    underneath = steady_noise(tf.shape(power), fold_in(noise, 2))
    power = add_at_snr(power, underneath, views.noise.snr_db, views.noise.probability, noise)
    power = equalise(power, views.equaliser, microphone)
    power = limit_band(power, views.band, mel_centres(front_end), line)
    power = change_level(power, views.gain.db, views.gain.probability, level)
    return to_log_mel(power, front_end.log_offset)


def reverberate(power: tf.Tensor, room: Reverberation, hop_s: float, seed: tf.Tensor) -> tf.Tensor:
    """Adds to a share of the windows the decaying tail of each frame, and keeps their mean power.

    Args:
      power: Squared mel magnitudes ``(windows, frames, mels)``.
      room: Decay and level of the tail.
      hop_s: Seconds from frame to frame.
      seed: Two integers.
    """
    size, frames = tf.shape(power)[0], power.shape[1]
    rt60_s = drawn(room.rt60_s, 1.0, 0.0, size, fold_in(seed, 0))
    direct_db = drawn(room.direct_db, room.probability, math.inf, size, fold_in(seed, 1))
    later = np.subtract.outer(np.arange(frames), np.arange(frames)).astype(np.float32)
    tail = tf.where(later > 0, from_db(-60.0 * hop_s * later / rt60_s), 0.0)
    # The whole tail of a frame, a geometric series, has the level that was drawn.
    decay = from_db(-60.0 * hop_s / rt60_s)
    wet = power + from_db(-direct_db) * (1.0 - decay) / decay * tf.matmul(tail, power)
    mean, wet_mean = (tf.reduce_mean(value, axis=[1, 2], keepdims=True) for value in (power, wet))
    return wet * mean / tf.maximum(wet_mean, _TINY)


def equalise(power: tf.Tensor, equaliser: Equaliser, seed: tf.Tensor) -> tf.Tensor:
    """Gives a share of the windows a frequency response made of the slowest cosines over the mel bands."""
    size, mels = tf.shape(power)[0], power.shape[2]
    numbers = np.arange(1, equaliser.curves + 1)[:, np.newaxis]
    cosines = np.cos(np.pi * numbers * (np.arange(mels) + 0.5) / mels).astype(np.float32)
    # A cosine's mean square is one half.
    scale = equaliser.deviation_db * math.sqrt(2.0 / equaliser.curves)
    weights = scale * tf.random.stateless_normal([size, equaliser.curves], fold_in(seed, 0))
    happens = drawn((1.0, 1.0), equaliser.probability, 0.0, size, fold_in(seed, 1))
    return power * from_db(happens * tf.matmul(weights, cosines)[:, tf.newaxis])


def limit_band(power: tf.Tensor, band: Band, centres_hz: Any, seed: tf.Tensor) -> tf.Tensor:
    """Takes from a share of the windows what lies below a lower and above an upper edge."""
    size = tf.shape(power)[0]
    happens = drawn((1.0, 1.0), band.probability, 0.0, size, fold_in(seed, 0))
    lower = drawn(band.lower_hz, 1.0, 0.0, size, fold_in(seed, 1))
    upper = drawn(band.upper_hz, 1.0, 0.0, size, fold_in(seed, 2))
    outside = tf.cast((centres_hz < lower) | (centres_hz > upper), tf.float32)
    return power * from_db(_STOP_BAND_DB * happens * outside)


def mel_centres(front_end: FrontEndSpec) -> Any:
    """Centre frequency of each mel band in Hz, ``(mels,)``; evenly spaced on HTK's mel scale."""
    lower, upper = (1127.0 * math.log1p(hertz / 700.0) for hertz in (front_end.lower_hz, front_end.upper_hz))
    mels = np.linspace(lower, upper, front_end.mels + 2)[1:-1]
    return (700.0 * np.expm1(mels / 1127.0)).astype(np.float32)
