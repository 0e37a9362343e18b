from __future__ import annotations

import dataclasses

import pytest

from components.tflite_converter.conversion import ConversionRefused, convert
from tests.components.tflite_converter.conftest import Converted

pytestmark = pytest.mark.slow


def test_an_operator_outside_the_builtin_set_is_refused_by_name(plain: Converted) -> None:
    import tensorflow as tf
    import tf_keras as keras

    log_mel = keras.Input((96, 64))
    shares = [tf.sigmoid(log_mel[:, frame]) for frame in range(3)]
    core = keras.Model(log_mel, tf.math.betainc(*shares))

    with pytest.raises(ConversionRefused, match="Betainc"):
        convert(dataclasses.replace(plain.student, core=core), "core")
