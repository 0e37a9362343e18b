from __future__ import annotations

import pytest
import tf_keras as keras

from components.common.modeling.architectures.mobilenet_v3 import MobileNetV3
from components.common.modeling.arithmetic import multiply_accumulates
from components.common.modeling.student import build_student
from schemas.students import FrontEndSpec, StudentSpec


def test_layers_are_counted_by_hand() -> None:
    patch = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(5, 3, padding="same", strides=2)(patch)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    network = keras.Model(patch, keras.layers.Dense(7)(keras.layers.Flatten()(x)))
    positions = 4 * 3
    assert multiply_accumulates(network) == positions * (3 * 3 * 3 * 5 + 3 * 3 * 5) + positions * 5 * 7


@pytest.mark.parametrize(("size", "width", "million"), [("tiny", 0.5, 4.02), ("small", 1.0, 12.32)])
def test_students_of_the_grid(size: str, width: float, million: float) -> None:
    spec = StudentSpec(architecture=MobileNetV3.model_validate({"size": size, "width": width}))
    counted = multiply_accumulates(build_student(spec, FrontEndSpec()).core)
    assert counted / 1e6 == pytest.approx(million, abs=0.005)
