"""The reference model: a fixed network in a fixed file, against which every latency is also a ratio.

It is written operator by operator and not converted, so its bytes depend on no version of TensorFlow:
ratios of different runs compare as long as the file's sha256 is the same. The network is float32 and
shaped as a small MobileNet on a log-mel patch, so that what slows the students slows it alike.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.sounds import write_input

CANDIDATE_ID = "reference"
VARIANT = "mobilenet-like-1"
FILE = "reference.tflite"

FRAMES, MELS, EMBEDDING = 96, 64, 1024
STEM = 16
# Expanded channels, channels out, kernel and stride of each inverted-residual block.
BLOCKS = (
    (64, 24, 3, 2),
    (88, 24, 3, 1),
    (96, 40, 5, 2),
    (240, 40, 5, 1),
    (240, 40, 5, 1),
    (144, 48, 5, 1),
    (288, 96, 5, 2),
    (576, 96, 5, 1),
    (576, 96, 5, 1),
)
HEAD = 576

_SEED = 20210830
_Op = schema.BuiltinOperator
_Options = schema.BuiltinOptions


def write_reference(folder: Path, scratch: Path, seed: int) -> ModelUnderTest:
    """Writes the reference model into ``folder`` and its input into ``scratch``."""
    content = reference_model()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(content)
    return ModelUnderTest(
        candidate_id=CANDIDATE_ID,
        variant=VARIANT,
        input=None,
        path=path,
        input_path=write_input(flatbuffer.inputs(flatbuffer.parse(content))[0], scratch, seed),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        sound_seconds=0.0,
    )


def reference_model() -> bytes:
    """The file: log-mel ``(1, 96, 64)`` to ``(1, 1024)``."""
    network = _Network()
    source = network.tensor("log_mel", (1, FRAMES, MELS))
    shape = network.constant("shape", np.array([1, FRAMES, MELS, 1], np.int32))
    x = network.tensor("patch", (1, FRAMES, MELS, 1))
    network.operator(_Op.RESHAPE, [source, shape], x)
    x = network.convolution(x, STEM, 3, 2)
    for expanded, channels, kernel, stride in BLOCKS:
        x = network.convolution(x, expanded, 1, 1)
        x = network.depthwise(x, kernel, stride)
        x = network.convolution(x, channels, 1, 1, activate=False)
    x = network.convolution(x, HEAD, 1, 1)
    x = network.mean(x)
    x = network.dense(x, EMBEDDING)
    return network.file(source, x)


class _Network:
    """Appends operators to one subgraph; weights are drawn in order from one stream."""

    def __init__(self) -> None:
        self._bits = np.random.PCG64(_SEED)
        self._graph = schema.SubGraphT(tensors=[], operators=[], name=b"main")
        self._buffers = [schema.BufferT()]
        self._codes: list[int] = []

    def convolution(self, x: int, filters: int, kernel: int, stride: int, activate: bool = True) -> int:
        _, height, width, depth = self._shape(x)
        y = self.tensor("convolution", (1, -(-height // stride), -(-width // stride), filters))
        weights = self._weights((filters, kernel, kernel, depth), kernel * kernel * depth)
        options = schema.Conv2DOptionsT(strideW=stride, strideH=stride)
        inputs = [x, weights, self._zeros(filters)]
        self.operator(_Op.CONV_2D, inputs, y, _Options.Conv2DOptions, options)
        return self._hard_swish(y) if activate else y

    def depthwise(self, x: int, kernel: int, stride: int) -> int:
        _, height, width, depth = self._shape(x)
        y = self.tensor("depthwise", (1, -(-height // stride), -(-width // stride), depth))
        weights = self._weights((1, kernel, kernel, depth), kernel * kernel)
        options = schema.DepthwiseConv2DOptionsT(strideW=stride, strideH=stride, depthMultiplier=1)
        inputs = [x, weights, self._zeros(depth)]
        self.operator(_Op.DEPTHWISE_CONV_2D, inputs, y, _Options.DepthwiseConv2DOptions, options)
        return self._hard_swish(y)

    def mean(self, x: int) -> int:
        y = self.tensor("pooled", (1, self._shape(x)[-1]))
        axes = self.constant("axes", np.array([1, 2], np.int32))
        self.operator(_Op.MEAN, [x, axes], y, _Options.ReducerOptions, schema.ReducerOptionsT(keepDims=False))
        return y

    def dense(self, x: int, units: int) -> int:
        features = self._shape(x)[-1]
        y = self.tensor("embedding", (1, units))
        inputs = [x, self._weights((units, features), features), self._zeros(units)]
        options = schema.FullyConnectedOptionsT()
        self.operator(_Op.FULLY_CONNECTED, inputs, y, _Options.FullyConnectedOptions, options)
        return y

    def tensor(
        self, name: str, shape: tuple[int, ...], kind: int = schema.TensorType.FLOAT32, buffer: int = 0
    ) -> int:
        number = len(self._graph.tensors)
        self._graph.tensors.append(
            schema.TensorT(shape=np.array(shape, np.int32), type=kind, buffer=buffer, name=name.encode())
        )
        return number

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> int:
        kind = schema.TensorType.INT32 if value.dtype == np.int32 else schema.TensorType.FLOAT32
        self._buffers.append(schema.BufferT(np.frombuffer(value.tobytes(), np.uint8)))
        return self.tensor(name, value.shape, kind, len(self._buffers) - 1)

    def operator(self, code: int, inputs: list[int], output: int, kind: int = 0, options: Any = None) -> None:
        if code not in self._codes:
            self._codes.append(code)
        self._graph.operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=np.array(inputs, np.int32),
                outputs=np.array([output], np.int32),
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )

    def file(self, source: int, result: int) -> bytes:
        self._graph.inputs = np.array([source], np.int32)
        self._graph.outputs = np.array([result], np.int32)
        model = schema.ModelT(
            version=3,
            operatorCodes=[
                schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1)
                for code in self._codes
            ],
            subgraphs=[self._graph],
            buffers=self._buffers,
            description=b"TinyTrill latency reference",
        )
        return flatbuffer.serialize(model)

    def _hard_swish(self, x: int) -> int:
        y = self.tensor("activation", self._shape(x))
        self.operator(_Op.HARD_SWISH, [x], y)
        return y

    def _weights(self, shape: tuple[int, ...], fan_in: int) -> int:
        """Uniform in +-sqrt(6 / fan_in), from raw bits: NumPy promises only those to stay the same."""
        bits = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(40)
        uniform = bits.astype(np.float32) / np.float32(2**23) - np.float32(1)
        limit = np.float32(np.sqrt(6.0 / fan_in))
        return self.constant("weights", (uniform * limit).reshape(shape))

    def _zeros(self, count: int) -> int:
        return self.constant("bias", np.zeros(count, np.float32))

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self._graph.tensors[tensor].shape)
