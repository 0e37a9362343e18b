"""A head as layers, and its TFLite file: an embedding in, scores out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from components.noss_evaluator.probes.candidate import Linear
from components.noss_evaluator.probes.mlp import Mlp
from components.noss_evaluator.probes.scaling import Matrix, Scaling

if TYPE_CHECKING:
    from components.noss_evaluator.probes.fitted import FittedProbe

EMBEDDING, SCORES = "embedding", "scores"
# All kernels of a head are as old as this.
_RUNTIME = "1.5.0"

Wide = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Layer:
    """A dense layer.

    Attributes:
      weights: ``(outputs, inputs)``, as TFLite keeps them.
      biases: ``(outputs,)``.
      shift: ``(inputs,)``, added to what comes in; None: nothing is.
      rectified: Whether negative outputs become 0.
    """

    weights: Matrix
    biases: Matrix
    shift: Matrix | None = None
    rectified: bool = False

    @property
    def parameters(self) -> int:
        """Numbers in it."""
        return self.weights.size + self.biases.size + (0 if self.shift is None else self.shift.size)


def layers_of(probe: FittedProbe) -> list[Layer]:
    """The layers that compute what a probe does; the standardisation goes into the first of them.

    Raises:
      ValueError: If the probe is of a kind that is no network, or lacks a class.
    """
    classify = probe.candidate.classify
    if isinstance(classify, Mlp):
        hidden = _scaled(probe.scaling, classify.weights, classify.biases, rectified=True)
        layers = [hidden, Layer(classify.output.weights.T, classify.output.biases)]
    elif isinstance(classify, Linear):
        layers = [_scaled(probe.scaling, classify.weights, classify.biases)]
    else:
        raise ValueError(
            f"a probe of kind {probe.candidate.kind!r} is no network; accepted: linear, lda, mlp"
        )
    if not all(np.isfinite(values).all() for layer in layers for values in (layer.weights, layer.biases)):
        raise ValueError("the head has weights that are not finite: a label has no clip to be trained on")
    return layers


def _scaled(scaling: Scaling, weights: Matrix, biases: Matrix, rectified: bool = False) -> Layer:
    """``((x - mean) / deviation) @ weights + biases`` as one layer.

    The mean is taken away before the product: where embeddings hardly differ it is a thousand times their
    deviation, and within the biases it would leave rounding for scores.
    """
    divided: Wide = weights.astype(np.float64) / scaling.deviation.astype(np.float64)[:, None]
    shift = -scaling.mean.astype(np.float32)
    return Layer(np.ascontiguousarray(divided.T, np.float32), biases.astype(np.float32), shift, rectified)


def head_file(layers: Sequence[Layer]) -> bytes:
    """The TFLite file of a head: dense layers, then softmax; all of it float32, the same bytes each time.

    Args:
      layers: From the embedding to the classes' logits.
    """
    model = schema.ModelT(
        version=3, description="TinyTrill head", buffers=[schema.BufferT()], operatorCodes=[], metadata=[]
    )
    graph = schema.SubGraphT(name="main", tensors=[], operators=[])
    model.subgraphs = [graph]

    def tensor(name: str, shape: Sequence[int], values: Matrix | None = None) -> int:
        buffer = 0 if values is None else flatbuffer.add_constant(model, np.ascontiguousarray(values))
        graph.tensors.append(
            schema.TensorT(
                shape=np.array(shape, np.int32),
                type=schema.TensorType.FLOAT32,
                buffer=buffer,
                name=name.encode(),
                quantization=schema.QuantizationParametersT(),
            )
        )
        return len(graph.tensors) - 1

    def operator(builtin: int, inputs: Sequence[int], output: int, kind: int, options: Any) -> None:
        graph.operators.append(
            schema.OperatorT(
                opcodeIndex=flatbuffer.operator_code(model, builtin, 1),
                inputs=np.array(inputs, np.int32),
                outputs=np.array([output], np.int32),
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )

    last = tensor(EMBEDDING, (1, layers[0].weights.shape[1]))
    graph.inputs = np.array([last], np.int32)
    for number, layer in enumerate(layers):
        width = len(layer.biases)
        if layer.shift is not None:
            shift = tensor(f"head/{number}/shift", layer.shift.shape, layer.shift)
            shifted = tensor(f"head/{number}/shifted", (1, *layer.shift.shape))
            operator(
                schema.BuiltinOperator.ADD, [last, shift], shifted, schema.BuiltinOptions.AddOptions,
                schema.AddOptionsT(),
            )  # fmt: skip
            last = shifted
        inputs = [
            last,
            tensor(f"head/{number}/weights", layer.weights.shape, layer.weights),
            tensor(f"head/{number}/biases", (width,), layer.biases),
        ]
        last = tensor(f"head/{number}", (1, width))
        rectified = schema.ActivationFunctionType.RELU if layer.rectified else 0
        operator(
            schema.BuiltinOperator.FULLY_CONNECTED, inputs, last, schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(fusedActivationFunction=rectified),
        )  # fmt: skip
    scores = tensor(SCORES, (1, len(layers[-1].biases)))
    operator(
        schema.BuiltinOperator.SOFTMAX, [last], scores, schema.BuiltinOptions.SoftmaxOptions,
        schema.SoftmaxOptionsT(beta=1.0),
    )  # fmt: skip
    graph.outputs = np.array([scores], np.int32)
    version = flatbuffer.add_constant(model, np.frombuffer(_RUNTIME.encode().ljust(16, b"\0"), np.uint8))
    model.metadata = [schema.MetadataT(name=flatbuffer.RUNTIME_METADATA.encode(), buffer=version)]
    flatbuffer.name_ends(model, [EMBEDDING], [SCORES])
    return flatbuffer.serialize(model)
