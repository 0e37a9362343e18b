"""The blessed students of a run as ONNX files, each held against the TFLite file that it was made of.

By tf2onnx (https://github.com/onnx/tensorflow-onnx), from the float file: what leaves is what was measured.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.common.store.publishing import publish
from components.tflite_converter.checks import GOLDEN_INPUT
from pipeline.configuration.config_file import ConfigError
from pipeline.local.runner import RunFailed
from pipeline.models.saved_models import FLOAT, LARGEST_DIFFERENCE, Blessed

# HardSwish is an operator since 14; onnxruntime 1.12 and all later releases know 17.
_OPSET = 17
_ROUNDS = 100


@dataclass(frozen=True)
class ExportedOnnx:
    """One student as an ONNX file.

    Attributes:
      file: The file.
      windows: Golden vectors that both files were asked about.
      difference: Largest difference from the TFLite file's embeddings, as a share of their largest value.
      onnx_ms: Median time of onnxruntime for a window on one thread of this host.
      litert_ms: Median time of LiteRT in the same rounds, by turns.
      rounds: Timed invocations of each.
    """

    file: Path
    windows: int
    difference: float
    onnx_ms: float
    litert_ms: float
    rounds: int


def check_converter() -> None:
    """Asks whether the converter is here.

    Raises:
      ConfigError: If it is not.
    """
    try:
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"--onnx: the converter cannot be loaded: {error}; accepted: what requirements.lock installs "
            "(make install)"
        ) from error


def float_file(student: Blessed) -> tuple[Path, Path]:
    """The float file of a student and its golden vectors.

    Raises:
      ConfigError: If the run made none.
    """
    if files := student.float_file():
        return files
    raise ConfigError(
        f"--onnx: {student.candidate_id} has no {FLOAT} file that was accepted; accepted: a run with {FLOAT} "
        "among conversion.variants"
    )


def export_onnx(student: Blessed, target: Path) -> ExportedOnnx:
    """Writes one student, and asks what was written about the golden vectors of its float file.

    Args:
      student: Of the run.
      target: The file.

    Raises:
      ConfigError: If the run made no float file.
      RunFailed: If the converter refuses it, or it does not say what the float file says; nothing is written.
    """
    source, golden = float_file(student)
    with np.load(golden, allow_pickle=False) as held:
        windows = held[GOLDEN_INPUT]
    try:
        content = to_onnx(source.read_bytes())
    except Exception as error:  # of any kind: a converter of others
        raise RunFailed(f"{student.candidate_id}: tf2onnx does not convert {FLOAT}: {error}") from error
    ours, theirs = _session(content), LiteRtModel(source)
    expected = np.concatenate([theirs.run(window[None])[0] for window in windows])
    given = np.concatenate([ours(window[None]) for window in windows])
    difference = float(np.abs(given - expected).max() / np.abs(expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise RunFailed(
            f"{student.candidate_id}: the ONNX file differs from {FLOAT} by {difference:.2g} of the largest "
            f"value; {LARGEST_DIFFERENCE:g} is rounding"
        )
    onnx_ms, litert_ms = _timed(ours, lambda window: theirs.run(window)[0], windows[:1])
    with publish(target) as partial:
        partial.write_bytes(content)
    return ExportedOnnx(target, len(windows), difference, onnx_ms, litert_ms, _ROUNDS)


def to_onnx(content: bytes) -> bytes:
    """A float TFLite file as ONNX, with the same names of input and output.

    Args:
      content: The TFLite file.
    """
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.tflite"
        source.write_bytes(_with_names_of_their_own(content))
        model, _ = tf2onnx.convert.from_tflite(str(source), opset=_OPSET)
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def _with_names_of_their_own(content: bytes) -> bytes:
    """The same file, in which no two tensors have one name: the converter tells them apart by it."""
    model = flatbuffer.parse(content)
    graph = flatbuffer.only_graph(model)
    ends = {*graph.inputs, *graph.outputs}
    for index, tensor in enumerate(graph.tensors):
        if index not in ends:
            tensor.name = f"{flatbuffer.text(tensor.name)}:{index}".encode()
    return flatbuffer.serialize(model)


def _session(content: bytes) -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda window: session.run(None, {name: window})[0]


def _timed(one: Callable[[Any], Any], other: Callable[[Any], Any], window: Any) -> tuple[float, float]:
    """Median milliseconds of both, by turns, so that what slows the machine slows both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for run, times in zip((one, other), spent, strict=True):
            started = time.perf_counter()
            run(window)
            times.append(1000 * (time.perf_counter() - started))
    return float(np.median(spent[0])), float(np.median(spent[1]))
