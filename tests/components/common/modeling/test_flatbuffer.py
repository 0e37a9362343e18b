from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.latency_benchmark.reference import reference_model


def test_every_constant_is_aligned() -> None:
    content = reference_model()
    model = schema.Model.GetRootAs(content, 0)
    whole = np.frombuffer(content, np.uint8)
    starts = [
        model.Buffers(index).DataAsNumpy().ctypes.data - whole.ctypes.data
        for index in range(model.BuffersLength())
        if not model.Buffers(index).DataIsNone()
    ]
    assert len(starts) > 10
    assert all(start % flatbuffer.ALIGNMENT == 0 for start in starts)


def test_a_round_trip_changes_nothing() -> None:
    content = reference_model()
    assert flatbuffer.serialize(flatbuffer.parse(content)) == content


def test_names_of_the_ends() -> None:
    model = flatbuffer.parse(reference_model())
    flatbuffer.name_ends(model, ["heard"], ["said"])
    file = LiteRtModel(flatbuffer.serialize(model))
    assert [tensor.name for tensor in file.inputs + file.outputs] == ["heard", "said"]
    (signature,) = model.signatureDefs
    assert [entry.name for entry in signature.inputs + signature.outputs] == [b"heard", b"said"]
    model.subgraphs[0].outputs = np.array([0, 1], np.int32)
    with pytest.raises(ValueError, match="1 and 2"):
        flatbuffer.name_ends(model, ["heard"], ["said"])


def test_an_operator_code_is_added_once() -> None:
    model = flatbuffer.parse(reference_model())
    before = len(model.operatorCodes)
    first = flatbuffer.operator_code(model, schema.BuiltinOperator.GELU, 2)
    assert flatbuffer.operator_code(model, schema.BuiltinOperator.GELU, 2) == first == before
    assert model.operatorCodes[first].deprecatedBuiltinCode == 127, "codes beyond a byte have a place holder"
    assert flatbuffer.operator_code(model, model.operatorCodes[0].builtinCode, 1) == 0


def test_custom_operators_are_listed() -> None:
    model = flatbuffer.parse(reference_model())
    assert flatbuffer.foreign_operators(model) == []
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"FlexErf"
    assert flatbuffer.foreign_operators(model) == ["custom:FlexErf"]


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="not a TFLite file"):
        flatbuffer.parse(b"RIFF....WAVE")
