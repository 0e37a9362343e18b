"""Full-integer quantisation of a TFLite file: int8 weights and activations, ranges from real sound.

TensorFlow's own quantiser, given the float file instead of the Keras student: what the converter does
behind ``representative_dataset``, without converting the network once more, and with ranges that one odd
window cannot stretch. Input and output stay float32.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from components.common.modeling import flatbuffer
from components.tflite_converter.traces import Array, computed_tensors, trace


def quantise(content: bytes, patches: Array, outlier_share: float) -> bytes:
    """Quantises weights and activations.

    Args:
      content: A TFLite file with one input, whose tensors are float32 at least in part.
      patches: Representative inputs ``(n, ...)``.
      outlier_share: Of the patches: those with the least and with the greatest values of a tensor, which
        its range need not hold.

    Returns:
      The new file, with inputs and outputs as before.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    model = flatbuffer.parse(content)
    graph = flatbuffer.only_graph(model)
    lows, highs = _extremes(content, model, patches)
    for index in lows:
        tensor = graph.tensors[index]
        if tensor.type == flatbuffer.schema.TensorType.FLOAT32:
            tensor.quantization = flatbuffer.schema.QuantizationParametersT(
                min=np.array([np.quantile(lows[index], outlier_share)], np.float32),
                max=np.array([np.quantile(highs[index], 1 - outlier_share)], np.float32),
            )
    quantised = flatbuffer.parse(mlir_quantize(flatbuffer.serialize(model)))
    (source,) = flatbuffer.inputs(model)
    flatbuffer.name_ends(quantised, [source.name], [output.name for output in flatbuffer.outputs(model)])
    return flatbuffer.serialize(quantised)


def _extremes(
    content: bytes, model: Any, patches: Array
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Least and greatest value of each tensor that depends on the input, patch by patch."""
    source = int(flatbuffer.only_graph(model).inputs[0])
    lows: dict[int, list[float]] = defaultdict(list)
    highs: dict[int, list[float]] = defaultdict(list)
    for patch, run in zip(patches, trace(content, computed_tensors(model), patches), strict=True):
        for index, values in {source: patch, **run}.items():
            lows[index].append(float(values.min()))
            highs[index].append(float(values.max()))
    return lows, highs
