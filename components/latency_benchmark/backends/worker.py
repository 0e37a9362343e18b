"""The process that runs models on the host: numpy and LiteRT, nothing else.

Run as a script. Requests are JSON lines on standard input, answers JSON lines on standard output:

* ``{"op": "hello", "cores": [..] | null}``: pins the process; answers runtime version and cores;
* ``{"op": "start", "path", "input", "threads", "xnnpack"}``: times a cold start, for a fresh process;
* ``{"op": "time", "path", "input", "threads", "xnnpack", "warmup", "runs", "keep"}``: times warm runs.

An error is answered as ``{"error": message}``; a crash is for the parent to notice.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

import numpy as np
from ai_edge_litert import interpreter as litert

Request = dict[str, Any]

_STATUS = "/proc/self/status"
_CLEAR_REFS = "/proc/self/clear_refs"
_loaded: dict[str, Any] = {}


def hello(request: Request) -> Request:
    """Pins the process where the system can, and introduces the runtime."""
    cores = request["cores"]
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    return {"runtime": runtime_version(), "cores": cores or []}


def runtime_version() -> str:
    """Version of the LiteRT package."""
    from importlib.metadata import version

    return version("ai-edge-litert")


def start(request: Request) -> Request:
    """Times loading and the first invocation, and watches the memory meanwhile."""
    value = np.load(request["input"], allow_pickle=False)
    idle = resident_mib()
    reset_peak()
    began = time.perf_counter_ns()
    model = load(request)
    prepared = time.perf_counter_ns()
    feed(model, value)
    ready = time.perf_counter_ns()
    model.invoke()
    answered = time.perf_counter_ns()
    for _ in range(request["warmup"]):
        model.invoke()
    return {
        "init_ms": (prepared - began) / 1e6,
        "first_ms": (answered - ready) / 1e6,
        "peak_mib": max(0.0, peak_mib() - idle),
    }


def run(request: Request) -> Request:
    """Times warm invocations in microseconds."""
    path = request["path"]
    model = _loaded.get(path) or load(request)
    if request["keep"]:
        _loaded[path] = model
    feed(model, np.load(request["input"], allow_pickle=False))
    for _ in range(request["warmup"]):
        model.invoke()
    samples = []
    for _ in range(request["runs"]):
        began = time.perf_counter_ns()
        model.invoke()
        samples.append((time.perf_counter_ns() - began) / 1e3)
    return {"samples_us": samples}


def load(request: Request) -> Any:
    """An interpreter that is ready to run."""
    kinds = litert.OpResolverType
    resolver = kinds.AUTO if request["xnnpack"] else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    model = litert.Interpreter(
        model_path=request["path"],
        num_threads=request["threads"],
        experimental_op_resolver_type=resolver,
    )
    model.allocate_tensors()
    return model


def feed(model: Any, value: np.ndarray[Any, Any]) -> None:
    """Sets the one input."""
    details = model.get_input_details()
    if len(details) != 1:
        raise ValueError(f"a student has one input, this model has {len(details)}")
    model.set_tensor(details[0]["index"], value)


def reset_peak() -> None:
    """Forgets the peak so far, where the kernel allows it."""
    try:
        with open(_CLEAR_REFS, "w") as file:
            file.write("5")
    except OSError:
        return


def resident_mib() -> float:
    """Memory of this process now; its peak where the system does not tell."""
    return _status("VmRSS") or _usage_mib()


def peak_mib() -> float:
    """Peak memory of this process. ``ru_maxrss`` would on Linux include the parent's before exec."""
    return _status("VmHWM") or _usage_mib()


def _status(field: str) -> float:
    try:
        with open(_STATUS) as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def _usage_mib() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def main() -> None:
    """Answers requests until standard input ends."""
    # Native code writes to descriptor 1 as it likes, so the answers move to a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()
    handlers = {"hello": hello, "start": start, "time": run}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = handlers[request["op"]](request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
