from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.tflite_converter.conversion import LOG_MEL, NETWORK, _frozen
from components.tflite_converter.dynamic_range import quantise, quantise_weights
from tests.components.tflite_converter.conftest import Converted

pytestmark = pytest.mark.slow

Weights = dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]


def test_weights_by_hand() -> None:
    # Channel 0: scale 2.54 / 127 = 0.02, so 0.05 -> 2.5 -> 3 and -2.54 -> -127. Channel 1 is null.
    values, scale = quantise_weights(np.array([[0.05, -2.54], [0, 0]], np.float32))
    np.testing.assert_allclose(scale, [0.02, 1])
    assert values.tolist() == [[3, -127], [0, 0]]


def test_same_weights_as_tensorflows_own_quantiser(plain: Converted) -> None:
    import tensorflow as tf

    core = plain.student.core
    frozen = _frozen(lambda x: core(x, training=False), {LOG_MEL: (1, 96, 64)}, NETWORK)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    theirs, ours = _int8(converter.convert()), _int8(plain.content("core-dynamic"))

    # TensorFlow's quantiser also takes depthwise kernels, one channel in and a patch of taps out.
    depthwise = {name for name, (values, _) in theirs.items() if values.ndim == 4 and values.shape[0] == 1}
    assert any("depthwise" in name for name in depthwise)
    assert sorted(ours) == sorted(set(theirs) - depthwise)
    for name, (values, scale) in ours.items():
        np.testing.assert_array_equal(scale, theirs[name][1])
        # TensorFlow divides in another precision, so a weight half-way between two steps may fall otherwise.
        difference = np.abs(values.astype(int) - theirs[name][0])
        assert difference.max() <= 1, name
        assert difference.mean() < 1e-4, name


def test_the_front_end_stays_float(plain: Converted) -> None:
    assert plain.variant("wave-dynamic").int8_tensors == plain.variant("core-dynamic").int8_tensors
    everything = quantise(plain.content("wave-float32"), 1024)
    assert [name for name in _int8(everything) if "front_end" in name], "it could have been quantised"


def test_small_weights_stay_float(plain: Converted) -> None:
    few = _int8(quantise(plain.content("core-float32"), 20_000))
    assert few
    assert all(values.size >= 20_000 for values, _ in few.values())


def test_nothing_to_quantise_changes_nothing(plain: Converted) -> None:
    content = plain.content("core-float32")
    assert quantise(content, 10**9) == content


@pytest.mark.parametrize("precision", ["dynamic", "int8"])
def test_int8_layers_stay_as_trained(quantised: Converted, precision: str) -> None:
    before, after = _int8(quantised.content("core-float32")), _int8(quantised.content(f"core-{precision}"))
    assert set(before) < set(after)
    for name, (values, scale) in before.items():
        np.testing.assert_array_equal(after[name][0], values)
        np.testing.assert_array_equal(after[name][1], scale)


def test_weights_that_something_else_reads_stay_float(plain: Converted) -> None:
    model = flatbuffer.parse(plain.content("core-float32"))
    graph = model.subgraphs[0]
    dense = next(
        operator
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.FULLY_CONNECTED
    )
    weights = graph.tensors[dense.inputs[1]]
    square = schema.TensorT(shape=weights.shape, type=weights.type, buffer=0, name=b"square")
    graph.tensors.append(square)
    model.operatorCodes.append(
        schema.OperatorCodeT(
            deprecatedBuiltinCode=schema.BuiltinOperator.SQUARE, builtinCode=schema.BuiltinOperator.SQUARE
        )
    )
    graph.operators.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=np.array([dense.inputs[1]], np.int32),
            outputs=np.array([len(graph.tensors) - 1], np.int32),
        )
    )
    result = quantise(flatbuffer.serialize(model), 1024)
    assert flatbuffer.text(weights.name) not in _int8(result)
    LiteRtModel(result).run(np.zeros((1, 96, 64), np.float32))


def _int8(content: bytes) -> Weights:
    model = flatbuffer.parse(content)
    return {
        flatbuffer.text(tensor.name): (
            model.buffers[tensor.buffer].data.view(np.int8).reshape(tensor.shape),
            np.asarray(tensor.quantization.scale),
        )
        for tensor in model.subgraphs[0].tensors
        if flatbuffer.text(tensor.name) in flatbuffer.int8_weights(model)
    }
