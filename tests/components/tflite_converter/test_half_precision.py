from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from components.tflite_converter.half_precision import SUFFIX, halve
from tests.components.tflite_converter.conftest import Converted

pytestmark = pytest.mark.slow


def test_weights_are_the_nearest_float16(plain: Converted) -> None:
    before = flatbuffer.parse(plain.content("core-float32"))
    after = flatbuffer.parse(plain.content("core-float16"))
    floats = {flatbuffer.text(tensor.name): tensor for tensor in before.subgraphs[0].tensors}
    halves = [one for one in after.subgraphs[0].tensors if one.type == schema.TensorType.FLOAT16]
    assert len(halves) > 20
    for tensor in halves:
        wide = floats[flatbuffer.text(tensor.name).removesuffix(SUFFIX.decode())]
        expected = before.buffers[wide.buffer].data.view(np.float32).astype(np.float16)
        np.testing.assert_array_equal(after.buffers[tensor.buffer].data.view(np.float16), expected)
        assert expected.size >= 1024


def test_xnnpack_takes_it_whole(plain: Converted) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=plain.content("core-float16"), num_threads=1)
    interpreter.allocate_tensors()
    (delegate,) = [one for one in interpreter._get_ops_details() if one["op_name"] == "DELEGATE"]
    types = {one["index"]: one["dtype"] for one in interpreter.get_tensor_details()}
    halves = [index for index in delegate["inputs"] if types[index] == np.float16]
    widenings = plain.variant("core-float16").operators["DEQUANTIZE"]
    assert len(halves) == widenings, "no weight is widened outside of the delegate"


def test_what_float16_cannot_hold_stays_float32(plain: Converted) -> None:
    model = flatbuffer.parse(plain.content("core-float32"))
    tensor = max(
        (one for one in model.subgraphs[0].tensors if flatbuffer.constant(model, one) is not None),
        key=lambda one: int(np.prod(one.shape)),
    )
    weights = model.buffers[tensor.buffer].data.view(np.float32).copy()
    weights[0] = 1e6
    model.buffers[tensor.buffer].data = weights.view(np.uint8)
    result = flatbuffer.parse(halve(flatbuffer.serialize(model), 1024))
    names = [one.name for one in result.subgraphs[0].tensors if one.type == schema.TensorType.FLOAT16]
    assert names
    assert tensor.name + SUFFIX not in names


def test_nothing_to_halve_changes_nothing(plain: Converted) -> None:
    assert halve(plain.content("core-float32"), 10**9) == plain.content("core-float32")
