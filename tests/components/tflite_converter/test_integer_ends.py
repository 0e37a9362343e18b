"""int8 from end to end: the same codes as the int8 file, and no float operator left."""

from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.tflite_converter.conversion import ConversionRefused
from components.tflite_converter.integer_ends import strip_ends
from tests.components.tflite_converter.conftest import Converted

FLOAT = flatbuffer.schema.TensorType.FLOAT32


def test_no_operator_computes_with_floats(plain: Converted) -> None:
    model = flatbuffer.parse(plain.content("core-int8io"))
    graph = flatbuffer.only_graph(model)
    used = {int(i) for one in graph.operators for i in (*one.inputs, *one.outputs) if i >= 0}
    assert not [flatbuffer.text(graph.tensors[i].name) for i in used if graph.tensors[i].type == FLOAT]
    left = flatbuffer.operators(flatbuffer.parse(plain.content("core-int8")))
    assert (left.pop("QUANTIZE"), left.pop("DEQUANTIZE")) == (1, 1)
    assert flatbuffer.operators(model) == left


def test_the_report_tells_scale_and_zero_point(plain: Converted) -> None:
    variant = plain.variant("core-int8io")
    assert variant.accepted, variant.reason
    (source,), (target,) = variant.inputs, variant.outputs
    assert (source.name, source.dtype, source.shape) == ("log_mel", "int8", [1, 96, 64])
    assert (target.name, target.dtype, target.shape) == ("embedding", "int8", [1, 64])
    model = LiteRtModel(plain.content("core-int8io"))
    assert (source, target) == (model.inputs[0].model_copy(update={"name": "log_mel"}), target)
    assert source.scale is not None and source.scale > 0 and source.zero_point is not None
    assert variant.bytes < plain.variant("core-int8").bytes
    assert [layer.name for layer in variant.layers] == [
        layer.name for layer in plain.variant("core-int8").layers
    ]


def test_it_answers_as_the_int8_file_and_its_golden_vectors_hold_codes(plain: Converted) -> None:
    with np.load(plain.folder / plain.variant("core-int8io").golden, allow_pickle=False) as kept:
        golden = dict(kept)
    with np.load(plain.folder / plain.variant("core-int8").golden, allow_pickle=False) as kept:
        floats = kept["input"]
    assert golden["input"].dtype == golden["embedding_codes"].dtype == np.int8
    numbers = golden["input_scale"] * (golden["input"].astype(np.float32) - golden["input_zero_point"])
    # Within the range half a step is what rounding costs; the outlying values are cut off.
    inside = (golden["input"] > -128) & (golden["input"] < 127)
    assert np.abs(numbers - floats)[inside].max() <= 0.501 * golden["input_scale"]
    stood_for = golden["embedding_scale"] * (
        golden["embedding_codes"].astype(np.float32) - golden["embedding_zero_point"]
    )
    np.testing.assert_allclose(golden["embedding"], stood_for, rtol=1e-6)
    given, whole = LiteRtModel(plain.content("core-int8io")), LiteRtModel(plain.content("core-int8"))
    for codes, number, expected in zip(golden["input"], floats, golden["embedding"], strict=True):
        np.testing.assert_array_equal(given.run(codes[np.newaxis])[0][0], expected)
        np.testing.assert_array_equal(given.run(number[np.newaxis])[0][0], expected)
        np.testing.assert_allclose(whole.run(number[np.newaxis])[0][0], expected, atol=1e-6)


def test_what_computes_with_floats_is_refused_by_name(plain: Converted) -> None:
    with pytest.raises(ConversionRefused, match=r"compute with float32 are left: .*CONV_2D \(number"):
        strip_ends(plain.content("core-float32"))


@pytest.mark.slow
def test_a_network_trained_for_int8_gets_ranges_for_the_gates_that_were_left_in_floats(
    whole: Converted,
) -> None:
    found = LiteRtModel(whole.content("core-int8io"))
    operators = flatbuffer.operators(flatbuffer.parse(whole.content("core-int8io")))
    assert flatbuffer.operators(flatbuffer.parse(whole.content("core-int8")))["DEQUANTIZE"] > 1
    assert operators.keys().isdisjoint({"QUANTIZE", "DEQUANTIZE"})
    with np.load(whole.folder / whole.variant("core-int8").golden, allow_pickle=False) as golden:
        for number, expected in zip(golden["input"], golden["embedding"], strict=True):
            (answer,) = found.run(number[np.newaxis])[0]
            cosine = answer @ expected / np.linalg.norm(answer) / np.linalg.norm(expected)
            assert cosine > 0.999
