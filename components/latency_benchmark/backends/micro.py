"""A microcontroller, as TensorFlow Lite Micro's own interpreter runs a file on this machine.

The interpreter comes with the wheel ``tflite-micro`` and is the one that boards compile, with portable
kernels: whether a file runs, how it plans the arena and what it answers is the same there. It is not timed:
how long a board takes is the board's business, and an x86 core would say nothing of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from components.common.modeling import flatbuffer
from components.common.modeling.file_arithmetic import multiply_accumulates
from components.latency_benchmark.backends.base import (
    DeviceLost,
    FootprintBackend,
    MeasurementFailed,
    ModelUnderTest,
)
from components.latency_benchmark.backends.worker_process import WorkerProcess, clean_environment
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import MicroDevice
from schemas.footprints import Footprint
from schemas.latency_reports import Machine

WORKER = Path(__file__).with_name("tflm_worker.py")
RUNTIME = "TensorFlow Lite Micro"

# More than any file of ours takes: what is allocated, not what there is, decides about a board.
_ARENA_BYTES = 64 << 20
# The kernels round alike; a tie here and there within a network may fall to the other side.
_MOST_STEPS = 1.0
_MOST_SHARE = 1e-4
_ROUNDING = 1e-3

_TOTAL = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_KIND = re.compile(r"'([^']+)' used (\d+) bytes")
_REFUSED = re.compile(r"Node (\S+) \(number (\d+)\) failed to (prepare|invoke)")
_UNKNOWN = re.compile(r"Didn't find op for builtin opcode '([^']+)'")


class MicroBackend(FootprintBackend):
    """Each file in a process of its own.

    Args:
      name: Of the device in the configuration.
      device: The board, in words.
      settings: How long to wait.
    """

    def __init__(self, name: str, device: MicroDevice, settings: MeasurementSettings) -> None:
        self._name = name
        self._device = device
        self._timeout_s = settings.timeout_s
        self._environment = clean_environment(os.environ)

    def machine(self) -> Machine:
        """The board in words, and the runtime with the commit it was built from."""
        try:
            told = self._ask({"op": "hello"}, RUNTIME)
        except MeasurementFailed as error:
            raise DeviceLost(f"{RUNTIME} does not start, which comes with tflite-micro: {error}") from error
        return Machine(
            profile=self._name,
            backend="micro",
            name=self._device.board or "any microcontroller",
            os="none",
            runtime=f"{RUNTIME} {told['runtime']} ({told['commit']})",
            threads=1,
            is_device=False,
            ambient=self._device.ambient,
        )

    def footprint(self, model: ModelUnderTest) -> Footprint:
        """Arena, flash and arithmetic of a file that TFLM runs."""
        if model.golden is None:
            raise MeasurementFailed(f"{model.key} has no golden vectors to be asked about")
        request = {"op": "footprint", "path": str(model.path), "golden": str(model.golden)}
        told = self._ask({**request, "arena_bytes": _ARENA_BYTES}, model.key)
        if "refused" in told:
            raise MeasurementFailed(f"{model.key} does not run under {RUNTIME}: {refusal(**told)}")
        arena = {name: int(size) for name, size in _TOTAL.findall(told["told"])}
        if arena.keys() != {"total", "head", "tail"}:
            raise MeasurementFailed(f"{RUNTIME} does not tell its allocations, but: {told['told'][:200]!r}")
        parsed = flatbuffer.parse(model.path.read_bytes())
        step = embedding_step(parsed)
        unit = step or told["largest"] or 1.0
        difference = told["difference"] / unit
        most = _MOST_STEPS if step else _MOST_SHARE
        if not difference <= most * (1 + _ROUNDING):
            raise MeasurementFailed(
                f"{model.key} answers otherwise under {RUNTIME} than by LiteRT's reference kernels: an "
                f"embedding differs by {difference:.3g} {'steps' if step else 'of its largest value'}, at "
                f"most {most:g}"
            )
        assert model.input is not None, "only the reference model has none, which is not asked here"
        return Footprint(
            candidate_id=model.candidate_id,
            variant=model.variant,
            input=model.input,
            sha256=model.sha256,
            bytes=model.bytes,
            arena_bytes=arena["total"],
            shared_bytes=arena["head"],
            persistent_bytes=arena["tail"],
            allocations={name: int(size) for name, size in _KIND.findall(told["told"])},
            multiply_accumulates=multiply_accumulates(parsed),
            operators=flatbuffer.operators(parsed),
            windows=told["windows"],
            step=step,
            difference=difference,
            golden_difference=told["golden_difference"] / unit,
        )

    def close(self) -> None:
        """No process outlives its answer."""

    def _ask(self, request: dict[str, Any], about: str) -> dict[str, Any]:
        worker = WorkerProcess(WORKER, self._timeout_s, self._environment)
        try:
            return worker.ask(request, about)
        finally:
            worker.stop()


def refusal(refused: str, told: str) -> str:
    """Why TFLM does not run a file: the operator at fault, and what its kernel says.

    Args:
      refused: The interpreter's error, which names no operator.
      told: What TFLM wrote on standard error meanwhile.
    """
    if unknown := _UNKNOWN.search(told):
        return f"it has no operator {unknown[1]}"
    found = _REFUSED.search(told)
    if found is None:
        return f"{refused}{': ' if told.strip() else ''}{' | '.join(told.strip().splitlines())}"
    # A kernel says why with its own source file in front.
    words = re.sub(r"^\S+\.(?:cc|h)(?::\d+)?:? ", "", told[: found.start()].strip().rpartition("\n")[2])
    kernel = f" ({words.rstrip('.')})" if words else ""
    return f"operator {found[1]}, number {found[2]} of the file, does not {found[3]}{kernel}"


def embedding_step(model: Any) -> float | None:
    """The step of the int8 values behind a file's embedding; None where it is computed as float32."""
    graph = flatbuffer.only_graph(model)
    index = int(graph.outputs[0])
    for operator in graph.operators:
        if index in operator.outputs and flatbuffer.operator_name(model, operator) == "DEQUANTIZE":
            index = int(operator.inputs[0])
    tensor = graph.tensors[index]
    scale = None if tensor.quantization is None else tensor.quantization.scale
    if tensor.type != flatbuffer.schema.TensorType.INT8 or scale is None:
        return None
    return float(scale[0])


def open_device(name: str, device: MicroDevice, settings: MeasurementSettings) -> MicroBackend:
    """The back end of a device."""
    return MicroBackend(name, device, settings)
