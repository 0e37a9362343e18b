from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.frontend import LogMel
from components.tflite_converter.full_integer import quantise
from tests.components.tflite_converter.conftest import FRONT_END, Converted, made_up_waveforms

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("student", ["plain", "quantised"])
def test_everything_between_the_ends_is_integer(student: str, request: pytest.FixtureRequest) -> None:
    converted: Converted = request.getfixturevalue(student)
    model = flatbuffer.parse(converted.content("core-int8"))
    graph = model.subgraphs[0]
    assert {flatbuffer.operators(model)[name] for name in ("QUANTIZE", "DEQUANTIZE")} == {1}
    floats = [index for index, one in enumerate(graph.tensors) if one.type == 0]
    assert sorted(floats) == sorted([int(graph.inputs[0]), int(graph.outputs[0])])


def test_one_odd_patch_does_not_coarsen_the_others(plain: Converted) -> None:
    patches = LogMel(FRONT_END)(made_up_waveforms(20)).numpy()
    odd = patches.copy()
    odd[7] *= 100
    steps = [_input_step(quantise(plain.content("core-float32"), one, 0.1)) for one in (patches, odd)]
    assert steps[1] == pytest.approx(steps[0], rel=0.2)
    assert _input_step(quantise(plain.content("core-float32"), odd, 0.0)) > 10 * steps[0]


def _input_step(content: bytes) -> float:
    graph = flatbuffer.parse(content).subgraphs[0]
    first = next(one for one in graph.operators if graph.inputs[0] in np.asarray(one.inputs))
    return float(graph.tensors[first.outputs[0]].quantization.scale[0])
