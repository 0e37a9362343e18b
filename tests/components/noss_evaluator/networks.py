"""Small TFLite files that embed sound."""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras

from components.common.modeling.frontend import LogMel
from schemas.students import FrontEndSpec


def mean_tflite(kind: str, broken: bool = False) -> bytes:
    """A file that averages the log-mel patch over time; a broken one divides 0 by 0 for loud sound."""
    front_end = FrontEndSpec()
    if kind == "wave":
        inputs = keras.Input((front_end.window_samples,), batch_size=1)
        patch = LogMel(front_end)(inputs)
    else:
        inputs = patch = keras.Input((front_end.frames, front_end.mels), batch_size=1)
    outputs = tf.reduce_mean(patch, axis=1)
    if broken:
        quiet = tf.nn.relu(-3.0 - tf.reduce_max(outputs, axis=1, keepdims=True))
        outputs = outputs * (quiet / quiet)
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, outputs)).convert()
    return content
