"""What every operator of a TFLite file gives: for ranges to quantise with, and to see their noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from components.common.modeling import flatbuffer

Array = np.ndarray[Any, np.dtype[np.float32]]


def computed_tensors(model: Any) -> list[int]:
    """Numbers of the tensors that operators of the one subgraph compute, in the order of the file."""
    graph = flatbuffer.only_graph(model)
    return [int(index) for operator in graph.operators for index in operator.outputs]


def trace(content: bytes, computed: Sequence[int], patches: Array) -> Iterator[dict[int, Array]]:
    """Runs a file on one patch after the other and keeps what its operators compute.

    By the plain kernels: delegates fuse operators and keep nothing in between. Integers are brought back
    to the scale of what they stand for.

    Args:
      content: A TFLite file with one input.
      computed: Its :func:`computed_tensors`.
      patches: Inputs ``(n, ...)``.

    Yields:
      The computed tensors of one patch, by number.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    for patch in patches:
        interpreter.set_tensor(source, patch[np.newaxis])
        interpreter.invoke()
        yield {index: _real(interpreter.get_tensor(index), details[index]) for index in computed}


def _real(values: np.ndarray[Any, Any], detail: dict[str, Any]) -> Array:
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale) if scale else values
