from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.common.modeling import flatbuffer
from components.common.modeling.file_arithmetic import multiply_accumulates
from components.common.modeling.student import build_student
from components.latency_benchmark.reference import reference_model
from components.tflite_converter.conversion import convert, convert_function
from schemas.students import FrontEndSpec
from tests.students import mobilenet


def counted(function: Any, *shape: int) -> int:
    return multiply_accumulates(flatbuffer.parse(convert_function(function, {"x": shape}, ["y"], "network")))


def test_each_kind_of_operator_is_counted_by_hand() -> None:
    def weights(*shape: int) -> Any:
        return tf.constant(np.random.default_rng(0).standard_normal(shape).astype(np.float32))

    # 8x6 at stride 2 gives 4x3 places; each sums 3x3 values of 3 channels for each of 5.
    filters = weights(3, 3, 3, 5)
    assert counted(lambda x: tf.nn.conv2d(x, filters, 2, "SAME"), 1, 8, 6, 3) == 4 * 3 * 5 * 3 * 3 * 3
    # 8x6 places of 3 channels, each sums 3x3 values.
    each = weights(3, 3, 3, 1)
    assert (
        counted(lambda x: tf.nn.depthwise_conv2d(x, each, [1] * 4, "SAME"), 1, 8, 6, 3) == 8 * 6 * 3 * 3 * 3
    )
    # Each of 4x3 values of 5 channels is spread over 3x3 places of 2 channels.
    spread = weights(3, 3, 2, 5)
    assert (
        counted(lambda x: tf.nn.conv2d_transpose(x, spread, [1, 8, 6, 2], 2), 1, 4, 3, 5)
        == 4 * 3 * 5 * 3 * 3 * 2
    )
    matrix = weights(7, 4)
    assert counted(lambda x: tf.matmul(x, matrix), 1, 7) == 7 * 4
    # Two products of (3, 5) and (5, 3).
    assert counted(lambda x: tf.matmul(x, x, transpose_b=True), 2, 3, 5) == 2 * 3 * 5 * 3
    assert counted(lambda x: tf.matmul(x, x, transpose_a=True), 2, 5, 3) == 2 * 3 * 5 * 3
    assert counted(lambda x: tf.nn.relu(x) + 1, 1, 7) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("size", "width", "million"), [("tiny", 0.5, 4.022), ("small", 1.0, 12.32)])
def test_a_file_computes_what_its_network_does(size: str, width: float, million: float) -> None:
    """The figures are those of TensorFlow's own registry of operations for the Keras network."""
    student = build_student(mobilenet(size, width, embedding_width=2048), FrontEndSpec())
    assert multiply_accumulates(flatbuffer.parse(convert(student))) / 1e6 == pytest.approx(million, abs=0.005)


def test_the_reference_network_is_counted_without_tensorflow() -> None:
    # Its first convolution alone: 48x32 places, 16 channels, 3x3 values of one channel.
    assert multiply_accumulates(flatbuffer.parse(reference_model())) > 48 * 32 * 16 * 9
