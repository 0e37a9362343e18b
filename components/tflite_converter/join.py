"""Two TFLite files as one: the front end, then the network.

A ``wave`` file is the front end joined to a ``core`` file, so that the two agree bit for bit whatever the
precision, and the front end, whose spectrum spans too many decades for eight bits, is never quantised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.modeling import flatbuffer


def join(first: bytes, second: bytes, keep_seam: str = "") -> bytes:
    """Feeds the one output of a file to the one input of another.

    Args:
      first: A file; where its output is kept, the first of its outputs is fed and kept, others are dropped.
      second: The file that goes on from there.
      keep_seam: Name under which what is fed stays an output, behind those of ``second``; empty: it does not.

    Returns:
      A file with the input of ``first`` and the outputs of ``second``, in their order and with their names.

    Raises:
      ValueError: If the files have several subgraphs, or the output is not what the input takes.
    """
    model, tail = flatbuffer.parse(first), flatbuffer.parse(second)
    head, appended = flatbuffer.only_graph(model), flatbuffer.only_graph(tail)
    offered, taken = flatbuffer.outputs(model), flatbuffer.inputs(tail)
    if keep_seam:
        offered = offered[:1]
    if [(one.shape, one.dtype) for one in offered] != [(one.shape, one.dtype) for one in taken]:
        raise ValueError(f"{offered} does not fit {taken}")
    input_name = flatbuffer.inputs(model)[0].name
    output_names = [output.name for output in flatbuffer.outputs(tail)]

    buffers, codes = len(model.buffers), len(model.operatorCodes)
    seam = int(appended.inputs[0])
    places = {seam: int(head.outputs[0])}
    for index, tensor in enumerate(appended.tensors):
        if index != seam:
            places[index] = len(head.tensors)
            tensor.buffer += buffers
            head.tensors.append(tensor)
    for operator in appended.operators:
        operator.opcodeIndex += codes
        operator.inputs = _moved(operator.inputs, places)
        operator.outputs = _moved(operator.outputs, places)
        operator.intermediates = _moved(operator.intermediates, places)
        head.operators.append(operator)
    for entry in tail.metadata or []:
        entry.buffer += buffers
    runtime = flatbuffer.runtime_version(model)
    model.buffers += tail.buffers
    model.operatorCodes += tail.operatorCodes
    model.metadata = tail.metadata
    head.outputs = _moved(appended.outputs, places)
    if keep_seam:
        head.outputs = np.append(head.outputs, np.int32(places[seam]))
        output_names.append(keep_seam)
    flatbuffer.name_ends(model, input_name, output_names)
    flatbuffer.require_runtime(model, runtime)
    flatbuffer.drop_unused_buffers(model)
    return flatbuffer.serialize(model)


def _moved(indices: Any, places: dict[int, int]) -> Any:
    """Numbers of tensors in the joined file; an input left out (-1) stays so."""
    if indices is None:
        return None
    return np.array([places.get(int(index), -1) for index in indices], np.int32)
