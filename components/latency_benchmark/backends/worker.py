"""The process that runs models on the host: numpy and LiteRT, nothing else.

Run as a script. Requests are JSON lines on standard input, answers JSON lines on standard output:

* ``{"op": "hello", "cores": [..] | null}``: pins the process; answers runtime version and the cores it is on;
* ``{"op": "inspect", <model>}``: loads; answers how many parts XNNPACK took, and how many threads there are;
* ``{"op": "start", <model>, "input", "warmup_runs"}``: times a cold start, for a fresh process;
* ``{"op": "time", <model>, "input", "warmup_runs", "warmup_seconds", "runs", "seconds", "keep"}``: times
  warm runs, in nanoseconds, and how often the process was preempted meanwhile;
* ``{"op": "profile", <model>, "input", "warmup_runs", "runs"}``: times operators, see ``profiler.py``.

``<model>`` is ``"path", "threads", "xnnpack"``. An error is answered as ``{"error": message}``; a crash is
for the parent to notice.
"""

from __future__ import annotations

import gc
import importlib.util
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
_THREADS = "/proc/self/task"
_DELEGATED = "DELEGATE"
_loaded: dict[str, Any] = {}


def hello(request: Request) -> Request:
    """Pins the process where the system can, and introduces the runtime."""
    cores = None
    if request["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])
        cores = sorted(os.sched_getaffinity(0))
    return {"runtime": runtime_version(), "cores": cores}


def runtime_version() -> str:
    """Version of the LiteRT package."""
    from importlib.metadata import version

    return version("ai-edge-litert")


def inspect(request: Request) -> Request:
    """Loads a model and tells what the runtime made of it."""
    before = threads()
    model = load(request)
    after = threads()
    started = None if before is None or after is None else after - before
    return {"delegated": delegated(model), "threads": None if started is None else 1 + started}


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
    for _ in range(request["warmup_runs"]):
        model.invoke()
    peak = peak_mib()
    return {
        "init_ms": (prepared - began) / 1e6,
        "first_ms": (answered - ready) / 1e6,
        "peak_mib": None if idle is None or peak is None else max(0.0, peak - idle),
        "delegated": delegated(model),
    }


def run(request: Request) -> Request:
    """Times warm invocations in nanoseconds; a model that fails, or is not to be kept, does not stay."""
    path = request["path"]
    model = _loaded.pop(path, None) or load(request)
    feed(model, np.load(request["input"], allow_pickle=False))
    timed(model.invoke, request["warmup_runs"], request["warmup_seconds"])
    before = preemptions()
    samples = timed(model.invoke, request["runs"], request["seconds"])
    after = preemptions()
    if request["keep"]:
        _loaded[path] = model
    taken = None if before is None or after is None else after - before
    return {"samples_ns": samples, "preemptions": taken}


def timed(invoke: Any, runs: int, seconds: float) -> list[int]:
    """Nanoseconds of each invocation, until both ``runs`` and ``seconds`` are reached."""
    clock = time.perf_counter_ns
    samples: list[int] = []
    left_ns = seconds * 1e9
    while len(samples) < runs or left_ns > 0:
        began = clock()
        invoke()
        took = clock() - began
        samples.append(took)
        left_ns -= took
    return samples


def profile(request: Request) -> Request:
    """Times the operators; the module is loaded by its place, as this script's folder is not on the path."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "profiler.py")
    spec = importlib.util.spec_from_file_location("profiler", place)
    assert spec is not None and spec.loader is not None
    profiler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(profiler)
    answer: Request = profiler.profile(
        path=request["path"],
        value=np.load(request["input"], allow_pickle=False),
        threads=request["threads"],
        xnnpack=request["xnnpack"],
        warmup_runs=request["warmup_runs"],
        runs=request["runs"],
    )
    return answer


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


def delegated(model: Any) -> int:
    """Parts of the graph that a delegate has taken over; the package says it nowhere else."""
    return sum(node["op_name"] == _DELEGATED for node in model._get_ops_details())


def feed(model: Any, value: np.ndarray[Any, Any]) -> None:
    """Sets the first input to a value; the others are state, which is zero when a stream begins."""
    source, *states = model.get_input_details()
    model.set_tensor(source["index"], value)
    for state in states:
        model.set_tensor(state["index"], np.zeros(state["shape"], state["dtype"]))


def threads() -> int | None:
    """Threads of this process; None where the system does not tell."""
    return len(os.listdir(_THREADS)) if os.path.isdir(_THREADS) else None


def preemptions() -> int | None:
    """Times that the system took the processor from this process; None where it does not tell."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def reset_peak() -> None:
    """Forgets the peak so far, where the kernel allows it."""
    try:
        with open(_CLEAR_REFS, "w") as file:
            file.write("5")
    except OSError:
        return


def resident_mib() -> float | None:
    """Memory of this process now; its peak where the system does not tell."""
    return _status("VmRSS") or _usage_mib()


def peak_mib() -> float | None:
    """Peak memory of this process. ``ru_maxrss`` would on Linux include the parent's before exec."""
    return _status("VmHWM") or _usage_mib()


def _status(field: str) -> float | None:
    try:
        with open(_STATUS) as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        return None
    return None


def _usage_mib() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def main() -> None:
    """Answers requests until standard input ends."""
    # Native code writes to descriptor 1 as it likes, so the answers move to a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()
    handlers = {"hello": hello, "inspect": inspect, "start": start, "time": run, "profile": profile}
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
