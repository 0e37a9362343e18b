"""Dynamic-range quantisation of a TFLite file: int8 weights, float32 in between.

The rule is TensorFlow's own ("hybrid" kernels of the TFLite quantisation specification): symmetric
int8 weights with one scale an output channel, inputs quantised while the model runs. It is applied to
the converted file and not asked of the converter, which would have to convert the network once more and
switches dynamic range off as soon as a model holds a quantisation-aware layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer

WEIGHTS = 1
RUNTIME_VERSION = "2.17.0"


# Operators that take int8 weights, whose channels are their first axis, and the version of the hybrid kernel.
# Depthwise kernels stay float: XNNPACK does not take the hybrid depthwise convolution, and TFLite's own is
# several times slower than XNNPACK's float one, to save a few per cent of the file.
_HYBRID = {schema.BuiltinOperator.CONV_2D: 5, schema.BuiltinOperator.FULLY_CONNECTED: 12}


def quantise(content: bytes, min_elements: int) -> bytes:
    """Stores the float32 weights of regular and point-wise convolutions and dense layers as int8.

    Layers that are int8 already stay as they are.

    Args:
      content: A TFLite file.
      min_elements: Weights with fewer elements stay float32.

    Returns:
      The new file; the same bytes as ``content`` re-serialised if there was nothing to quantise.
    """
    model = flatbuffer.parse(content)
    changed = False
    for graph in model.subgraphs:
        for index, users in _weight_users(model, graph).items():
            weights = graph.tensors[index]
            if not _is_candidate(model, graph, weights, users, min_elements):
                continue
            _store_int8(model, weights)
            for operator in users:
                _use_hybrid_kernel(model, operator)
            changed = True
    if changed:
        flatbuffer.drop_unused_buffers(model)
        flatbuffer.require_runtime(model, RUNTIME_VERSION)
    return flatbuffer.serialize(model)


def quantise_weights(
    weights: np.ndarray[Any, np.dtype[np.float32]],
) -> tuple[np.ndarray[Any, np.dtype[np.int8]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Symmetric int8 weights ``(channels, ...)`` and the scale of each channel; 1 where all are zero."""
    largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    largest = np.where(largest > 0, largest, np.float32(127))
    scale = (largest / np.float32(127)).astype(np.float32)
    scaled = weights / scale
    # Halves away from zero, as TensorFlow rounds.
    rounded = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
    return np.clip(rounded, -127, 127).astype(np.int8), scale.reshape(-1)


def _weight_users(model: Any, graph: Any) -> dict[int, list[Any]]:
    """Tensors that are nothing but the weights of one kind of operator, and these operators."""
    users: dict[int, list[Any]] = {}
    mixed: set[int] = set()
    for operator in graph.operators:
        for position, index in enumerate(int(index) for index in operator.inputs):
            others = users.setdefault(index, [])
            others.append(operator)
            if position != WEIGHTS or flatbuffer.builtin(model, operator) != flatbuffer.builtin(
                model, others[0]
            ):
                mixed.add(index)
    return {
        index: operators
        for index, operators in users.items()
        if index not in mixed and flatbuffer.builtin(model, operators[0]) in _HYBRID
    }


def _is_candidate(model: Any, graph: Any, weights: Any, users: list[Any], min_elements: int) -> bool:
    return (
        flatbuffer.constant(model, weights) is not None
        and weights.type == schema.TensorType.FLOAT32
        and all(graph.tensors[user.inputs[0]].type == schema.TensorType.FLOAT32 for user in users)
        and int(np.prod(weights.shape)) >= min_elements
    )


def _store_int8(model: Any, tensor: Any) -> None:
    weights = model.buffers[tensor.buffer].data.view(np.float32).reshape(tensor.shape)
    values, scale = quantise_weights(weights)
    # A buffer of its own: the converter may have let two tensors share one.
    tensor.buffer = flatbuffer.add_constant(model, values)
    tensor.type = schema.TensorType.INT8
    tensor.quantization = schema.QuantizationParametersT(
        scale=scale, zeroPoint=np.zeros(len(scale), np.int64), quantizedDimension=0
    )


def _use_hybrid_kernel(model: Any, operator: Any) -> None:
    builtin = flatbuffer.builtin(model, operator)
    operator.opcodeIndex = flatbuffer.operator_code(model, builtin, _HYBRID[builtin])
    if builtin == schema.BuiltinOperator.FULLY_CONNECTED:
        operator.builtinOptions.asymmetricQuantizeInputs = True
