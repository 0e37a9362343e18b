"""The log-mel front end: one implementation for training, TFLite and evaluation.

float32 throughout and builtin TFLite operators only (float64 does not convert). The mel scale is
HTK's, as in TRILL and YAMNet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from schemas.students import FrontEndSpec

NAME = "front_end"


class LogMel(keras.layers.Layer):
    """Waveform ``(batch, samples)`` in [-1, 1] to log-mel ``(batch, frames, mels)``.

    A waveform of ``spec.window_samples`` gives exactly ``spec.frames`` frames.
    """

    def __init__(self, spec: FrontEndSpec, **options: Any) -> None:
        super().__init__(trainable=False, **options)
        self._spec = spec
        self._mel = tf.constant(mel_matrix(spec))

    def call(self, waveform: tf.Tensor) -> tf.Tensor:
        """Computes log-mel frames; no padding, frames that do not fit are left out."""
        spec = self._spec
        spectrum = tf.signal.stft(
            tf.cast(waveform, tf.float32),
            frame_length=spec.frame_samples,
            frame_step=spec.hop_samples,
            fft_length=spec.fft_size,
            window_fn=tf.signal.hann_window,
        )
        mel = tf.matmul(tf.abs(spectrum), self._mel)
        return tf.math.log(mel + spec.log_offset)


class LogMelStatistics(keras.layers.Layer):
    """Mean and deviation over time of each mel band: ``(batch, frames, mels)`` to ``(batch, 2 * mels)``."""

    def call(self, log_mel: tf.Tensor) -> tf.Tensor:
        """Computes the statistics; a little is added to the variance, whose root has no slope at 0."""
        mean = tf.reduce_mean(log_mel, axis=1)
        variance = tf.reduce_mean(tf.math.squared_difference(log_mel, mean[:, tf.newaxis]), axis=1)
        return tf.concat([mean, tf.sqrt(variance + 1e-4)], axis=1)


class LogMelSlopes(keras.layers.Layer):
    """Deviation over time of each mel band's slope: ``(batch, frames, mels)`` to ``(batch, mels)``.

    A slope is half the difference between the frames on either side. Whatever a channel adds to the log-mels
    of a band is not in it.
    """

    def call(self, log_mel: tf.Tensor) -> tf.Tensor:
        """Computes the deviations; a little is added to the variance, whose root has no slope at 0."""
        slopes = (log_mel[:, 2:] - log_mel[:, :-2]) / 2.0
        return tf.sqrt(tf.math.reduce_variance(slopes, axis=1) + 1e-4)


def mel_matrix(spec: FrontEndSpec) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Weights ``(fft_size / 2 + 1, mels)`` from magnitude spectrum to mel bands."""
    weights = tf.signal.linear_to_mel_weight_matrix(
        num_mel_bins=spec.mels,
        num_spectrogram_bins=spec.fft_size // 2 + 1,
        sample_rate=spec.sample_rate,
        lower_edge_hertz=spec.lower_hz,
        upper_edge_hertz=spec.upper_hz,
    )
    matrix: np.ndarray[Any, np.dtype[np.float32]] = weights.numpy().astype(np.float32)
    return matrix
