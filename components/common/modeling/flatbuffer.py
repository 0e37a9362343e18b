"""Reading and writing TFLite flatbuffers: names, operators, weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from schemas.tensors import TensorInfo

# Kernels may read a constant in place, so it starts at a multiple of this many bytes.
ALIGNMENT = 16
IDENTIFIER = b"TFL3"
CUSTOM_PREFIX = "custom:"
RUNTIME_METADATA = "min_runtime_version"
SIGNATURE = b"serving_default"

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


def name_ends(model: Any, input_names: Sequence[str], output_names: Sequence[str]) -> None:
    """Names inputs and outputs, as tensors and in the signature, in the order of the file.

    Raises:
      ValueError: If the model has more than one subgraph, or another number of inputs or outputs.
    """
    graph = only_graph(model)
    if (len(graph.inputs), len(graph.outputs)) != (len(input_names), len(output_names)):
        raise ValueError(
            f"{len(input_names)} inputs and {len(output_names)} outputs are to be named, "
            f"this file has {len(graph.inputs)} and {len(graph.outputs)}"
        )
    signature = schema.SignatureDefT(inputs=[], outputs=[], signatureKey=SIGNATURE, subgraphIndex=0)
    for entries, indices, names in (
        (signature.inputs, graph.inputs, input_names),
        (signature.outputs, graph.outputs, output_names),
    ):
        for index, name in zip(indices, names, strict=True):
            graph.tensors[index].name = name.encode()
            entries.append(schema.TensorMapT(name=name.encode(), tensorIndex=int(index)))
    model.signatureDefs = [signature]


def only_graph(model: Any) -> Any:
    """The one subgraph of a model.

    Raises:
      ValueError: If there are more.
    """
    if len(model.subgraphs) != 1:
        raise ValueError(f"a student has one subgraph, this file has {len(model.subgraphs)}")
    return model.subgraphs[0]


def operator_code(model: Any, builtin: int, version: int) -> int:
    """Number of a builtin operator's code in the file, which is added if it does not exist yet."""
    for index, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == (builtin, version):
            return index
    # Codes beyond 127 do not fit the old field, which then holds a place holder.
    deprecated = min(builtin, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=deprecated, version=version, builtinCode=builtin)
    )
    return len(model.operatorCodes) - 1


def builtin(model: Any, operator: Any) -> int:
    """The builtin operator (``schema.BuiltinOperator``) of a node."""
    return int(model.operatorCodes[operator.opcodeIndex].builtinCode)


def add_constant(model: Any, value: np.ndarray[Any, Any]) -> int:
    """Appends a buffer that holds an array; returns its number."""
    model.buffers.append(schema.BufferT(np.frombuffer(value.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def drop_unused_buffers(model: Any) -> None:
    """Empties the buffers nobody refers to any more; their numbers stay."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None


def runtime_version(model: Any) -> str:
    """The first TFLite runtime that has all kernels of the file; empty if the file does not say."""
    for entry in model.metadata or []:
        if text(entry.name) == RUNTIME_METADATA:
            return bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode()
    return ""


def require_runtime(model: Any, version: str) -> None:
    """Raises the first runtime that the file asks for, where it asks for one."""
    for entry in model.metadata or []:
        if text(entry.name) == RUNTIME_METADATA:
            later = max(runtime_version(model), version, key=_numbers)
            model.buffers[entry.buffer].data = np.frombuffer(later.encode().ljust(16, b"\0"), np.uint8)


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
            counted[operator_name(model, operator)] += 1
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


def operator_name(model: Any, operator: Any) -> str:
    """Name of a node's operator; a custom one as ``custom:<name>``."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return CUSTOM_PREFIX + text(code.customCode)
    return _OPERATOR_NAMES.get(number, f"builtin {number}")


def _numbers(version: str) -> tuple[int, ...]:
    """A version such as 2.17.0 in a form that compares."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _tensors(model: Any, indices: Any) -> list[TensorInfo]:
    found = []
    for index in indices:
        tensor = model.subgraphs[0].tensors[index]
        shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        quantised = tensor.quantization
        known = quantised is not None and quantised.scale is not None and len(quantised.scale) == 1
        found.append(
            TensorInfo(
                name=text(tensor.name),
                shape=[int(size) for size in shape],
                dtype=_TYPE_NAMES[tensor.type].lower(),
                scale=float(quantised.scale[0]) if known else None,
                zero_point=int(quantised.zeroPoint[0]) if known else None,
            )
        )
    return found
