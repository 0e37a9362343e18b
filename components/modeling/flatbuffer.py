"""Reading and writing TFLite flatbuffers: names, operators, weights."""

from __future__ import annotations

from collections import Counter
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from schemas.reports import TensorInfo

# Kernels may read a constant in place, so it starts at a multiple of this many bytes.
ALIGNMENT = 16
IDENTIFIER = b"TFL3"
CUSTOM_PREFIX = "custom:"

_OPERATOR_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
_TYPE_NAMES = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:
        """Packs the buffer so that its data is aligned, which the generated code does not do."""
        if self.data is not None:
            builder.Prep(ALIGNMENT, len(self.data))
        return int(super().Pack(builder))


def parse(content: bytes) -> Any:
    """The object form (``ModelT``) of a TFLite file.

    Raises:
      ValueError: If the file does not carry the identifier of a TFLite file.
    """
    if content[4:8] != IDENTIFIER:
        raise ValueError(f"not a TFLite file: identifier {content[4:8]!r} instead of {IDENTIFIER!r}")
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def serialize(model: Any) -> bytes:
    """The file of an object form; the same model gives the same bytes."""
    for index, buffer in enumerate(model.buffers):
        data = None if buffer.data is None else np.asarray(buffer.data, dtype=np.uint8)
        model.buffers[index] = _AlignedBuffer(data, buffer.offset, buffer.size)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def rename(model: Any, input_name: str, output_name: str) -> None:
    """Names the one input and the one output, as tensors and in the signature.

    Raises:
      ValueError: If the model has more than one subgraph, input or output.
    """
    if len(model.subgraphs) != 1:
        raise ValueError(f"a student has one subgraph, this file has {len(model.subgraphs)}")
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError(
            "a student has one input and one output, "
            f"this file has {len(graph.inputs)} and {len(graph.outputs)}"
        )
    graph.tensors[graph.inputs[0]].name = input_name.encode()
    graph.tensors[graph.outputs[0]].name = output_name.encode()
    for signature in model.signatureDefs or []:
        signature.inputs[0].name = input_name.encode()
        signature.outputs[0].name = output_name.encode()


def inputs(model: Any) -> list[TensorInfo]:
    """The inputs of the first subgraph."""
    return _tensors(model, model.subgraphs[0].inputs)


def outputs(model: Any) -> list[TensorInfo]:
    """The outputs of the first subgraph."""
    return _tensors(model, model.subgraphs[0].outputs)


def operators(model: Any) -> dict[str, int]:
    """How often each operator stands in the file; a custom one as ``custom:<name>``."""
    counted: Counter[str] = Counter()
    for graph in model.subgraphs:
        for operator in graph.operators:
            counted[_operator_name(model.operatorCodes[operator.opcodeIndex])] += 1
    return dict(sorted(counted.items()))


def foreign_operators(model: Any) -> list[str]:
    """Operators that a plain TFLite runtime does not know: Flex and other custom ones."""
    return [name for name in operators(model) if name.startswith(CUSTOM_PREFIX)]


def int8_weights(model: Any) -> list[str]:
    """Names of constant int8 tensors that an operator computes with."""
    names = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.type == schema.TensorType.INT8 and constant(model, tensor) is not None:
                names.append(text(tensor.name))
    return sorted(names)


def constant(model: Any, tensor: Any) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """The bytes of a constant tensor, or None if it is computed."""
    data = model.buffers[tensor.buffer].data
    return None if data is None or len(data) == 0 else np.asarray(data, dtype=np.uint8)


def text(name: bytes | str | None) -> str:
    """A name of the file as text."""
    return name.decode() if isinstance(name, bytes) else name or ""


def _operator_name(code: Any) -> str:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    if builtin == schema.BuiltinOperator.CUSTOM:
        return CUSTOM_PREFIX + text(code.customCode)
    return _OPERATOR_NAMES.get(builtin, f"builtin {builtin}")


def _tensors(model: Any, indices: Any) -> list[TensorInfo]:
    found = []
    for index in indices:
        tensor = model.subgraphs[0].tensors[index]
        shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        found.append(
            TensorInfo(
                name=text(tensor.name),
                shape=[int(size) for size in shape],
                dtype=_TYPE_NAMES[tensor.type].lower(),
            )
        )
    return found
