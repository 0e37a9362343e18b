"""Two TFLite files as one: the front end, then the network.

A ``wave`` or ``stream`` file is a front end joined to a ``core`` file, so that they agree bit for bit
whatever the precision. The front end, whose spectrum spans too many decades for eight bits, is never
quantised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.modeling import flatbuffer


def join(first: bytes, second: bytes, keep_seam: str = "") -> bytes:
    """Feeds the first output of a file to the one input of another.

    Args:
      first: A file; where what is fed stays an output, its further outputs are dropped.
      second: The file that goes on from there.
      keep_seam: Name under which what is fed stays an output, behind those of ``second``; empty: it does not.

    Returns:
      A file with the inputs of ``first``, the outputs of ``second`` and the further outputs of ``first``, or
      what was fed, in their order and with their names.

    Raises:
      ValueError: If the files have several subgraphs, or the output is not what the input takes.
    """
    model, tail = flatbuffer.parse(first), flatbuffer.parse(second)
    head, appended = flatbuffer.only_graph(model), flatbuffer.only_graph(tail)
    offered, taken = flatbuffer.outputs(model), flatbuffer.inputs(tail)
    if [(one.shape, one.dtype) for one in offered[:1]] != [(one.shape, one.dtype) for one in taken]:
        raise ValueError(f"{offered} does not fit {taken}")
    input_names = [one.name for one in flatbuffer.inputs(model)]
    others = [] if keep_seam else list(head.outputs[1:])
    output_names = [one.name for one in [*flatbuffer.outputs(tail), *([] if keep_seam else offered[1:])]]

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
    head.outputs = [*_moved(appended.outputs, places), *others]
    if keep_seam:
        head.outputs.append(np.int32(places[seam]))
        output_names.append(keep_seam)
    flatbuffer.name_ends(model, input_names, output_names)
    flatbuffer.require_runtime(model, runtime)
    flatbuffer.drop_unused_buffers(model)
    return flatbuffer.serialize(model)


def _moved(indices: Any, places: dict[int, int]) -> Any:
    """Numbers of tensors in the joined file; an input left out (-1) stays so."""
    if indices is None:
        return None
    return np.array([places.get(int(index), -1) for index in indices], np.int32)
