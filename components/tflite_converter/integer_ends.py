"""An int8 file whose input and output are int8 too: what a microcontroller without a float unit is given.

The int8 file quantises its float32 input first and dequantises its embedding last. Both steps are taken off:
what lies between is the same, so the file answers with the very codes that the int8 file turns into numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.modeling import flatbuffer
from components.tflite_converter.conversion import ConversionRefused

_FLOAT = flatbuffer.schema.TensorType.FLOAT32


def strip_ends(content: bytes) -> bytes:
    """Takes the quantisation of the input and the dequantisation of the outputs off.

    Args:
      content: A full-integer file with float32 ends.

    Returns:
      The file with int8 ends of the same names, whose scale and zero point stand in their tensors.

    Raises:
      ConversionRefused: If an operator still computes with float32; the message names it.
    """
    model = flatbuffer.parse(content)
    graph = flatbuffer.only_graph(model)
    inputs, outputs = ([end.name for end in ends(model)] for ends in (flatbuffer.inputs, flatbuffer.outputs))
    graph.inputs = np.array([_beyond(model, int(index), "QUANTIZE") for index in graph.inputs], np.int32)
    graph.outputs = np.array([_beyond(model, int(index), "DEQUANTIZE") for index in graph.outputs], np.int32)
    floats = [
        f"{flatbuffer.operator_name(model, operator)} (number {number})"
        for number, operator in enumerate(graph.operators)
        if any(graph.tensors[index].type == _FLOAT for index in _ends(operator))
    ]
    if floats:
        raise ConversionRefused(f"operators that compute with float32 are left: {', '.join(floats)}")
    flatbuffer.name_ends(model, inputs, outputs)
    return flatbuffer.serialize(model)


def _beyond(model: Any, index: int, kind: str) -> int:
    """The tensor behind the one operator of a kind that an end is joined to, which is taken out."""
    graph = flatbuffer.only_graph(model)
    near, far = ("inputs", "outputs") if kind == "QUANTIZE" else ("outputs", "inputs")
    joined = [operator for operator in graph.operators if index in getattr(operator, near)]
    if len(joined) != 1 or flatbuffer.operator_name(model, joined[0]) != kind:
        return index
    graph.operators.remove(joined[0])
    return int(getattr(joined[0], far)[0])


def _ends(operator: Any) -> list[int]:
    return [int(index) for index in (*operator.inputs, *operator.outputs) if index >= 0]
