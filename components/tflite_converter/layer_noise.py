"""Where quantisation loses quality: the noise of each layer, float file against quantised file."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.modeling import flatbuffer
from components.tflite_converter.traces import Array, computed_tensors, trace
from schemas.tflite_reports import LayerNoise

Values = dict[str, Array]

HIGHEST_DB = 120.0


def layer_values(content: bytes, patches: Array) -> Values:
    """What every operator of a file gives for ``(n, ...)`` patches: ``(n, ...)`` by the tensor's name."""
    return _values(content, flatbuffer.parse(content), patches)


def layer_noise(content: bytes, floats: Values, patches: Array) -> list[LayerNoise]:
    """Compares a quantised file with its float file, layer by layer in the order of the file.

    Args:
      content: The quantised file.
      floats: What :func:`layer_values` found in the float file for the same patches.
      patches: Inputs ``(n, ...)``.

    Returns:
      One entry an output tensor that has the same name and shape in both.
    """
    model = flatbuffer.parse(content)
    graph = flatbuffer.only_graph(model)
    operators = {
        int(index): flatbuffer.operator_name(model, operator)
        for operator in graph.operators
        for index in operator.outputs
    }
    values = _values(content, model, patches)
    layers = []
    for index in computed_tensors(model):
        name = flatbuffer.text(graph.tensors[index].name)
        if name in floats and floats[name].shape == values[name].shape:
            expected = floats[name]
            layers.append(
                LayerNoise(
                    name=name,
                    operator=operators[index],
                    low=float(expected.min()),
                    high=float(expected.max()),
                    snr_db=snr_db(expected, values[name]),
                )
            )
    return layers


def snr_db(signal: np.ndarray[Any, Any], given: np.ndarray[Any, Any]) -> float:
    """Power of the signal over that of the difference in dB, between -120 and 120."""
    power = float(np.square(signal, dtype=np.float64).sum())
    difference = float(np.square(np.subtract(given, signal, dtype=np.float64)).sum())
    if difference == 0:
        return HIGHEST_DB
    lowest = 10 ** (-HIGHEST_DB / 10)
    return float(min(10 * np.log10(max(power / difference, lowest)), HIGHEST_DB))


def _values(content: bytes, model: Any, patches: Array) -> Values:
    graph = flatbuffer.only_graph(model)
    runs = list(trace(content, computed_tensors(model), patches))
    return {
        flatbuffer.text(graph.tensors[index].name): np.concatenate([run[index] for run in runs])
        for index in runs[0]
    }
