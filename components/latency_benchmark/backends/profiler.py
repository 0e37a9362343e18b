"""Times operators with the runtime's own profiler, in a process of its own.

The Python classes of LiteRT show no profiler, but the library beside them does, in the C functions that
benchmark_model and its successor use (``litert/c/litert_profiler.h``). They are called here by ctypes: the
file is compiled with profiling on, run as often plain as profiled, and the events are read back.

The profiler's clock counts whole microseconds. An operator of TFLite is timed from one tick to another, so
that the mean of many runs is right; one inside XNNPACK has its fraction cut off, so that what is shorter than
a microsecond counts as nothing. Nothing is freed: the process ends with the answer.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np

# Kinds of event, as in litert/c/litert_profiler_event.h.
NODE = 1 << 1
DELEGATE_NODES = (1 << 2, 1 << 3)

_CPU = 1
_WRITE = 1
# CpuKernelMode of the package: XNNPACK, or TFLite's own optimised kernels.
_XNNPACK, _BUILTIN = 0, 2
# More than a ranked tensor type takes; only the library reads it.
_TENSOR_TYPE_BYTES = 256

_Handle = ctypes.c_void_p
_Index = ctypes.c_size_t


class _Memory(ctypes.Structure):
    _fields_ = (
        ("footprint", ctypes.c_int64),
        ("allocated", ctypes.c_int64),
        ("in_use", ctypes.c_int64),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory_before", _Memory),
        ("memory_after", _Memory),
        ("node", ctypes.c_uint64),
        ("graph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


def profile(
    path: str, value: np.ndarray[Any, Any], threads: int, xnnpack: bool, warmup_runs: int, runs: int
) -> dict[str, Any]:
    """Profiles a file.

    Args:
      path: The ``.tflite`` file.
      value: Of its first input; the others are state, and zero.
      threads: Threads of the runtime.
      xnnpack: Whether XNNPACK may take operators.
      warmup_runs: Invocations before any is timed.
      runs: Invocations with and without the profiler.

    Returns:
      ``{"plain_us": [..], "operators": [{"operator", "name", "delegated", "elapsed_us": [..]}]}``, in the
      order of execution; ``{}`` where the package has no such library.

    Raises:
      RuntimeError: If the library refuses, or the operators differ from run to run.
    """
    library = _library()
    if library is None:
        return {}
    model = _Model(library, path, threads, xnnpack)
    model.feed(value)
    for _ in range(warmup_runs):
        model.run()
    plain_us = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        model.run()
        plain_us.append((time.perf_counter_ns() - began) / 1e3)
    events = [model.run_profiled() for _ in range(runs)]
    kinds = [[event[:3] for event in run] for run in events]
    if any(one != kinds[0] for one in kinds):
        raise RuntimeError("the operators differ from run to run")
    return {
        "plain_us": plain_us,
        "operators": [
            {
                "operator": tag,
                "name": "" if kind in DELEGATE_NODES else model.tensor_name(node),
                "delegated": kind in DELEGATE_NODES,
                "elapsed_us": [run[place][3] for run in events],
            }
            for place, (kind, tag, node) in enumerate(kinds[0])
        ],
    }


class _Model:
    """A file, compiled for the processor with profiling on, and its buffers."""

    def __init__(self, library: ctypes.CDLL, path: str, threads: int, xnnpack: bool) -> None:
        self._library = library
        environment = self._get("LiteRtCreateEnvironment", 0, None)
        self._model = self._get("LiteRtCreateModelFromFile", environment, path.encode())
        options = self._get("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        self._add(options, "runtime_options_string", "enable_profiling = true\n")
        mode = _XNNPACK if xnnpack else _BUILTIN
        self._add(options, "xnnpack", f"num_threads = {threads}\nkernel_mode = {mode}\n")
        self._compiled = self._get("LiteRtCreateCompiledModel", environment, self._model, options)
        self._profiler = self._get("LiteRtCompiledModelGetProfiler", self._compiled)
        self._signature = self._get("LiteRtGetModelSignature", self._model, _Index(0))
        self._inputs = self._buffers(environment, "Input")
        self._outputs = self._buffers(environment, "Output")

    def feed(self, value: np.ndarray[Any, Any]) -> None:
        """Sets the first input to a value; the others are state, which is zero when a stream begins."""
        source, *states = (_Handle(buffer) for buffer in self._inputs)
        size = self._size(source)
        if size != value.nbytes:
            raise ValueError(f"the input takes {size} bytes, not {value.nbytes}")
        self._write(source, value.tobytes())
        for state in states:
            self._write(state, bytes(self._size(state)))

    def _size(self, buffer: _Handle) -> int:
        size = _Index()
        self._call("LiteRtGetTensorBufferPackedSize", buffer, ctypes.byref(size))
        return size.value

    def _write(self, buffer: _Handle, content: bytes) -> None:
        address = _Handle()
        self._call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), _WRITE)
        ctypes.memmove(address, content, len(content))
        self._call("LiteRtUnlockTensorBuffer", buffer)

    def run(self) -> None:
        """One invocation."""
        self._call(
            "LiteRtRunCompiledModel",
            self._compiled,
            _Index(0),
            _Index(len(self._inputs)),
            self._inputs,
            _Index(len(self._outputs)),
            self._outputs,
        )

    def run_profiled(self) -> list[tuple[int, str, int, int]]:
        """One invocation; kind, operator, number of the node and microseconds of each operator."""
        self._call("LiteRtStartProfiler", self._profiler)
        self.run()
        self._call("LiteRtStopProfiler", self._profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        events = (_Event * count.value)()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        # Only the events of operators: in the others the library leaves fields as they were.
        found = [
            (event.kind, event.tag.decode(), event.node, event.elapsed_us)
            for event in events
            if event.kind in (NODE, *DELEGATE_NODES)
        ]
        self._call("LiteRtResetProfiler", self._profiler)
        return found

    def tensor_name(self, node: int) -> str:
        """What the file calls the first result of a node."""
        graph = self._get("LiteRtGetModelSubgraph", self._model, _Index(0))
        operator = self._get("LiteRtGetSubgraphOp", graph, _Index(node))
        tensor = self._get("LiteRtGetOpOutput", operator, _Index(0))
        name = ctypes.c_char_p()
        self._call("LiteRtGetTensorName", tensor, ctypes.byref(name))
        return (name.value or b"").decode()

    def _buffers(self, environment: _Handle, side: str) -> Any:
        count = _Index()
        self._call(f"LiteRtGetNumSignature{side}s", self._signature, ctypes.byref(count))
        buffers = []
        for number in range(count.value):
            tensor = self._get(f"LiteRtGetSignature{side}TensorByIndex", self._signature, _Index(number))
            kind = (ctypes.c_byte * _TENSOR_TYPE_BYTES)()
            self._call("LiteRtGetRankedTensorType", tensor, kind)
            needs = self._get(
                f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, _Index(0), _Index(number)
            )
            buffers.append(
                self._get("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind, needs)
            )
        return (_Handle * len(buffers))(*buffers)

    def _add(self, options: _Handle, name: str, toml: str) -> None:
        """Adds a group of options; the library frees the text, so it is of the C library's making."""
        c_library = ctypes.CDLL(None)
        c_library.strdup.restype = _Handle
        text = _Handle(c_library.strdup(toml.encode()))
        free = ctypes.cast(c_library.free, _Handle)
        group = self._get("LiteRtCreateOpaqueOptions", name.encode(), text, free)
        self._call("LiteRtAddOpaqueOptions", options, group)

    def _get(self, function: str, *arguments: Any) -> _Handle:
        """Calls a function that leaves what it makes in its last argument."""
        made = _Handle()
        self._call(function, *arguments, ctypes.byref(made))
        return made

    def _call(self, function: str, *arguments: Any) -> None:
        status = getattr(self._library, function)(*arguments)
        if status:
            raise RuntimeError(f"{function} of LiteRT answers with status {status}")


def _library() -> ctypes.CDLL | None:
    for path in Path(ai_edge_litert.__file__).parent.glob("libLiteRt.*"):
        library = ctypes.CDLL(str(path))
        return library if hasattr(library, "LiteRtCompiledModelGetProfiler") else None
    return None
