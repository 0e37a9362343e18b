"""The front end as a TFLite file of its own, to which the files of a network are joined.

Either as trained, with the runtime's Fourier transform, or with the transform as matrix products, which
XNNPACK runs and which is exact to float32 just the same (:class:`MatrixLogMel`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from components.tflite_converter.conversion import FRONT_END, LOG_MEL, WAVEFORM, convert_function
from components.tflite_converter.settings import FrontEndForm
from schemas.students import FrontEndSpec


@lru_cache(maxsize=4)
def front_end_file(spec: FrontEndSpec, form: FrontEndForm) -> bytes:
    """Waveform ``(1, samples)`` to log-mel ``(1, frames, mels)``; converted once a process.

    Raises:
      ConversionRefused: If the converter fails.
      ValueError: If the form does not suit the specification.
    """
    inputs = {WAVEFORM: (1, spec.window_samples)}
    return convert_function(log_mel_of(spec, form), inputs, [LOG_MEL], FRONT_END)


def log_mel_of(spec: FrontEndSpec, form: FrontEndForm) -> Callable[[Any], Any]:
    """Waveform ``(1, spec.window_samples)`` to log-mel ``(1, frames, mels)``, as TensorFlow computes it.

    Raises:
      ValueError: If the form does not suit the specification.
    """
    from components.common.modeling.frontend import LogMel

    return LogMel(spec) if form == "fft" else MatrixLogMel(spec)


class MatrixLogMel:
    """Log-mel frames by matrix products over the bins that mel bands use.

    A Hann window is symmetric about its middle. From there, the real part of the spectrum depends only on
    the even half of a frame (what is the same on both sides), the imaginary part only the odd half; which
    halves both matrices. Their phase differs from the usual transform's, their magnitude does not. Windows
    are folded into the matrices, which are computed in float64.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        """Computes the matrices.

        Raises:
          ValueError: If the transform is shorter than a frame.
        """
        from components.common.modeling.frontend import mel_matrix

        if spec.fft_size < spec.frame_samples:
            raise ValueError(
                f"a transform of {spec.fft_size} points cuts frames of {spec.frame_samples} samples: "
                "use front_end 'fft'"
            )
        mel = mel_matrix(spec)
        bins = np.flatnonzero(mel.any(axis=1))
        length, half = spec.frame_samples, spec.frame_samples // 2
        sample = np.arange(length - half, length)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * sample / length)
        if length % 2 == 0:
            window[0] /= 2  # the middle is its own counterpart and would count twice
        angle = 2 * np.pi * np.outer(sample - length / 2, bins) / spec.fft_size
        self._spec, self._half, self._mel = spec, half, mel[bins]
        self._cosine = (window[:, np.newaxis] * np.cos(angle)).astype(np.float32)
        self._sine = (window[:, np.newaxis] * np.sin(angle)).astype(np.float32)

    def __call__(self, waveform: Any) -> Any:
        """Maps ``(1, window_samples)`` to ``(1, frames, mels)``."""
        import tensorflow as tf

        frames, half = self._frames(waveform), self._half
        later = frames[:, self._spec.frame_samples - half :]
        # The window of the first sample is 0.
        earlier = tf.reverse(frames[:, 1 : half + 1], [1])
        real = tf.matmul(later + earlier, self._cosine)
        imaginary = tf.matmul(later - earlier, self._sine)
        magnitude = tf.sqrt(tf.square(real) + tf.square(imaginary))
        return tf.math.log(tf.matmul(magnitude, self._mel) + self._spec.log_offset)[tf.newaxis]

    def _frames(self, waveform: Any) -> Any:
        """Overlapping frames ``(frames, frame_samples)`` from rows of one hop, without a gather."""
        import tensorflow as tf

        spec = self._spec
        hops = -(-spec.frame_samples // spec.hop_samples)
        rows = spec.frames - 1 + hops
        missing = rows * spec.hop_samples - spec.window_samples
        padded = tf.pad(waveform, [[0, 0], [0, missing]]) if missing else waveform
        by_hop = tf.reshape(padded, (rows, spec.hop_samples))
        parts = [
            by_hop[hop : hop + spec.frames, : spec.frame_samples - hop * spec.hop_samples]
            for hop in range(hops)
        ]
        return tf.concat(parts, axis=1)
