"""What a TFLite file computes: multiply-accumulates, counted operator by operator in the file itself.

The file is what ships: a bottleneck that was factored, channels that were pruned and the front end of a
``wave`` file are in it as they run, and a file whose Keras network nobody has can be counted too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer

Shape = tuple[int, ...]

_Op = schema.BuiltinOperator


def multiply_accumulates(model: Any) -> int:
    """Multiply-accumulates of one invocation, of convolutions and matrix products.

    What is done value by value (activations, sums, means) is not counted, as in the usual tables of networks.

    Args:
      model: Object form of a file with one subgraph, whose shapes are static.

    Raises:
      ValueError: If it has more subgraphs.
    """
    graph = flatbuffer.only_graph(model)
    total = 0
    for operator in graph.operators:
        counted = _COUNTED.get(flatbuffer.builtin(model, operator))
        if counted:
            inputs = [_shape(graph.tensors[index]) for index in operator.inputs if index >= 0]
            total += counted(operator, inputs, _shape(graph.tensors[operator.outputs[0]]))
    return total


def _convolution(_: Any, inputs: list[Shape], output: Shape) -> int:
    """Filters are ``(channels out, height, width, channels in)``: each output value sums one filter."""
    return _product(output) * _product(inputs[1][1:])


def _depthwise(_: Any, inputs: list[Shape], output: Shape) -> int:
    """Filters are ``(1, height, width, channels)``: each output value sums one channel's."""
    return _product(output) * _product(inputs[1][1:3])


def _transposed(_: Any, inputs: list[Shape], __: Shape) -> int:
    """Inputs are shape, filters and values: each value is spread by one filter of each channel out."""
    channels_out, height, width, _channels_in = inputs[1]
    return _product(inputs[2]) * channels_out * height * width


def _dense(_: Any, inputs: list[Shape], output: Shape) -> int:
    """Weights are ``(units, features)``."""
    return _product(output) * inputs[1][-1]


def _matrix_product(operator: Any, inputs: list[Shape], output: Shape) -> int:
    options = operator.builtinOptions
    return _product(output) * inputs[0][-2 if options is not None and options.adjX else -1]


def _shape(tensor: Any) -> Shape:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _product(sizes: Shape) -> int:
    return int(np.prod(sizes, dtype=np.int64))


_COUNTED: dict[int, Callable[[Any, list[Shape], Shape], int]] = {
    _Op.CONV_2D: _convolution,
    _Op.CONV_3D: _convolution,
    _Op.DEPTHWISE_CONV_2D: _depthwise,
    _Op.TRANSPOSE_CONV: _transposed,
    _Op.FULLY_CONNECTED: _dense,
    _Op.BATCH_MATMUL: _matrix_product,
}
