"""Float16 weights of a TFLite file: half the bytes, float32 arithmetic.

As TensorFlow's converter writes it: a weight is stored as float16 and widened by a DEQUANTIZE operator,
which runtimes fold into the kernel that reads it (XNNPACK) or run once (the plain kernels).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer

SUFFIX = b"/float16"
_DEQUANTIZE_VERSION = 3
_RUNTIME_VERSION = "1.13.1"


def halve(content: bytes, min_elements: int) -> bytes:
    """Stores the float32 constants of a file as float16.

    Args:
      content: A TFLite file.
      min_elements: Constants with fewer elements stay float32; so do those that float16 cannot hold.

    Returns:
      The new file; the same bytes as ``content`` re-serialised if there was nothing to store otherwise.
    """
    model = flatbuffer.parse(content)
    graph = flatbuffer.only_graph(model)
    widenings = [
        _widened(model, graph, index)
        for index, tensor in enumerate(graph.tensors)
        if _is_candidate(model, tensor, min_elements)
    ]
    if widenings:
        graph.operators = widenings + graph.operators
        flatbuffer.drop_unused_buffers(model)
        flatbuffer.require_runtime(model, _RUNTIME_VERSION)
    return flatbuffer.serialize(model)


def _is_candidate(model: Any, tensor: Any, min_elements: int) -> bool:
    if tensor.type != schema.TensorType.FLOAT32 or int(np.prod(tensor.shape)) < min_elements:
        return False
    data = flatbuffer.constant(model, tensor)
    return data is not None and bool(np.abs(data.view(np.float32)).max() <= np.finfo(np.float16).max)


def _widened(model: Any, graph: Any, index: int) -> Any:
    """Moves the values of a constant into a float16 tensor; the operator that computes it from there."""
    wide = graph.tensors[index]
    data = flatbuffer.constant(model, wide)
    assert data is not None
    graph.tensors.append(
        schema.TensorT(
            shape=wide.shape,
            type=schema.TensorType.FLOAT16,
            buffer=flatbuffer.add_constant(model, data.view(np.float32).astype(np.float16)),
            name=flatbuffer.text(wide.name).encode() + SUFFIX,
        )
    )
    wide.buffer = 0
    return schema.OperatorT(
        opcodeIndex=flatbuffer.operator_code(model, schema.BuiltinOperator.DEQUANTIZE, _DEQUANTIZE_VERSION),
        inputs=np.array([len(graph.tensors) - 1], np.int32),
        outputs=np.array([index], np.int32),
        builtinOptionsType=schema.BuiltinOptions.DequantizeOptions,
        builtinOptions=schema.DequantizeOptionsT(),
    )
