"""TFLite's benchmark_model: its command line, and what its versions print.

Three forms are known, of the sources tensorflow/lite/tools/benchmark/benchmark_model.cc (TensorFlow) and
tflite/tools/benchmark/benchmark_model.cc (LiteRT):

* until 2020 ``Average inference timings in us: Warmup: .., Init: .., no stats: ..``, no memory;
* since then ``Inference timings in us: Init: .., First inference: .., ..`` and the memory;
* since 2024 the lines ``count=..`` also tell ``p5=``, ``median=`` and ``p95=``.

In all of them the first line ``count=..`` is the warm-up and the second one the timed runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.latency_benchmark.backends.base import Burst, MeasurementFailed
from schemas.devices import Delegate

WHERE = (
    "prebuilt every night as https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/"
    "lite/tools/nightly/latest/android_aarch64_benchmark_model (for 32 bits android_arm_benchmark_model), "
    "described at https://ai.google.dev/edge/litert/models/measurement; to build it: "
    "bazel build -c opt --config=android_arm64 //tensorflow/lite/tools/benchmark:benchmark_model in "
    "https://github.com/tensorflow/tensorflow"
)

# What the back end sets itself; an option of the configuration would contradict it.
OWN_OPTIONS = frozenset(
    [
        *("graph", "num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs", "warmup_min_secs"),
        *("use_xnnpack", "use_gpu", "use_nnapi", "enable_op_profiling", "op_profiling_output_mode"),
        *("op_profiling_output_file", "profiling_output_csv_file", "input_layer", "input_layer_shape"),
        *("input_layer_value_files", "input_layer_value_range", "dry_run", "help"),
    ]
)
NAMES: dict[Delegate, str] = {"xnnpack": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI", "none": "none"}

_PREFIX = r"^(?:[A-Z]+: )?"
_COUNT = re.compile(_PREFIX + r"count=(\d+)(.*)$", re.MULTILINE)
_FIGURE = re.compile(r"(\w+)=([-+\d.eE]+)")
_INIT_US = re.compile(r"timings in us: .*?\bInit: ([\d.eE+]+)")
_INIT_MS = re.compile(r"Initialized session in ([\d.eE+]+)\s*ms")
_PEAK = (
    re.compile(r"emory footprint[^:\n]* \(MB\): init=\S+ overall=([\d.eE+]+)"),
    re.compile(r"peak memory footprint \(MB\) via periodic monitoring: ([\d.eE+]+)"),
)
_KNOWN = re.compile(r"--(\w+)=")
_UNKNOWN = re.compile(r"Unconsumed cmdline flags:(.*)")
_APPLIED = re.compile(r"(?:Explicitly a|A)pplied (\w+) delegate[^\n]*")
_REPLACED = re.compile(r"Replacing (\d+)(?: out of (\d+))? node\(s\) with delegate \((\w+)\)")
_NOT_APPLIED = re.compile(
    r"[^\n]*(?:will not be executed by the delegate|acceleration is unsupported on this platform"
    r"|Failed to apply|delegate is not supported|Disallowed CPU fallback)[^\n]*"
)
_XNNPACK_RUNS = re.compile(r"[^\n]*(?:XNNPACK delegate for CPU|\(TfLiteXNNPackDelegate\))[^\n]*")
_COMPLAINT = re.compile(
    r"error|fail|fatal|not (?:found|executable|supported)|denied|killed|fault|abort", re.I
)
_SIGNALS = {134: "aborted", 137: "was killed, mostly for want of memory", 139: "crashed"}
_WORDS = 400


@dataclass(frozen=True)
class Run:
    """What one run is to do.

    Attributes:
      warmup_runs: Invocations that are not timed, at least.
      warmup_seconds: Seconds of them, at least.
      runs: Timed invocations, at least.
      seconds: Timed seconds, at least.
      profile: Time the operators, too.
    """

    warmup_runs: int
    warmup_seconds: float
    runs: int
    seconds: float
    profile: bool = False


@dataclass(frozen=True)
class Input:
    """Values for one input of the model, as raw bytes in a file on the device."""

    file: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """What a run printed.

    Attributes:
      init_ms: Load, allocate and prepare.
      first_ms: First invocation.
      peak_mib: Peak memory above that of the tool at its start; None where it is not told.
      burst: The timed invocations.
    """

    init_ms: float
    first_ms: float
    peak_mib: float | None
    burst: Burst


def check_options(options: Iterable[str]) -> None:
    """Makes sure that options of the configuration contradict nothing.

    Raises:
      ValueError: If one is not an option, or sets what the back end sets.
    """
    for option in options:
        name = option.removeprefix("--").partition("=")[0]
        if not option.startswith("--") or not name.isidentifier():
            raise ValueError(f"option {option!r} of benchmark_model must look like --name=value")
        if name in OWN_OPTIONS:
            raise ValueError(
                f"option {option!r} of benchmark_model is set by TinyTrill itself (threads, delegate and the "
                "settings of the measurement)"
            )


def known_options(usage: str) -> frozenset[str]:
    """Names of the options that ``--help`` lists; empty where it lists none."""
    return frozenset(_KNOWN.findall(usage))


def takes_input(known: frozenset[str]) -> bool:
    """Whether this build reads the model's input from a file; the oldest only draw it at random."""
    return "input_layer_value_files" in known


def missing_options(known: frozenset[str], delegate: Delegate, options: Iterable[str]) -> list[str]:
    """What the configuration asks for and this build of the tool does not have."""
    wanted = [] if delegate == "none" else [f"use_{delegate}"]
    wanted += [option.removeprefix("--").partition("=")[0] for option in options]
    return [name for name in wanted if known and name not in known]


def arguments(
    graph: str,
    run: Run,
    values: Sequence[Input],
    *,
    threads: int,
    delegate: Delegate,
    options: Iterable[str],
    max_seconds: float,
    known: frozenset[str],
) -> list[str]:
    """The tool's arguments.

    Options that this build does not have are left out, but none that decides what is measured: see
    ``missing_options``. Every delegate is named with its value, because XNNPACK is on by default.

    Args:
      graph: The model's file on the device.
      run: What to do.
      values: The model's inputs, all of them; none: what the tool draws at random.
      threads: Of the interpreter.
      delegate: Who computes.
      options: Further options, as configured.
      max_seconds: The tool ends itself after this time, with fewer runs.
      known: Options of this build; empty if it does not tell them.
    """
    given = {
        "graph": graph,
        "num_threads": str(threads),
        "num_runs": str(run.runs),
        "min_secs": f"{run.seconds:g}",
        "max_secs": f"{max_seconds:g}",
        "warmup_runs": str(run.warmup_runs),
        "warmup_min_secs": f"{run.warmup_seconds:g}",
    }
    for name in ("xnnpack", "gpu", "nnapi"):
        given[f"use_{name}"] = "true" if name == delegate else "false"
    if run.profile:
        given["enable_op_profiling"] = "true"
    if values:
        # The names need not be the model's; plain ones spare the escaping of colons.
        named = {f"input{place or ''}": value for place, value in enumerate(values)}
        given["input_layer"] = ",".join(named)
        given["input_layer_shape"] = ":".join(",".join(map(str, one.shape)) for one in values)
        given["input_layer_value_files"] = ",".join(f"{name}:{one.file}" for name, one in named.items())
    listed = [f"--{name}={text}" for name, text in given.items() if not known or name in known]
    return [*listed, *options]


def check(code: int, output: str, delegate: Delegate, options: Iterable[str]) -> None:
    """Makes sure that a run says something of the model on this delegate.

    Raises:
      MeasurementFailed: If it does not, in the tool's own words.
    """
    if reason := _failure(code, output, delegate, options):
        raise MeasurementFailed(f"benchmark_model {reason}")
    parse(output)


def delegated(output: str, delegate: Delegate) -> str:
    """How much of the model the delegate runs, in the tool's own words; empty if it tells of nothing."""
    replaced = [
        found.group(0)
        for found in _REPLACED.finditer(output)
        if int(found.group(1)) and delegate in found.group(3).lower()
    ]
    applied = [
        found.group(0) for found in _APPLIED.finditer(output) if found.group(1).upper() == NAMES[delegate]
    ]
    return "; ".join(replaced + applied)


def parse(output: str) -> Result:
    """Reads the figures of a run that ended well.

    Raises:
      MeasurementFailed: If they are not all there.
    """
    counts = _COUNT.findall(output)
    init = _INIT_US.search(output)
    init_ms = float(init.group(1)) / 1e3 if init else None
    if told := _INIT_MS.search(output):
        init_ms = float(told.group(1))
    if len(counts) < 2 or init_ms is None:
        raise MeasurementFailed(f"benchmark_model printed no timings: {words(output)}")
    warmup, timed = (_figures(*found) for found in counts[:2])
    peak = next((found for form in _PEAK if (found := form.search(output))), None)
    return Result(
        init_ms=init_ms,
        first_ms=warmup["first"] / 1e3,
        peak_mib=float(peak.group(1)) if peak else None,
        burst=Burst(
            count=int(timed["count"]),
            mean_us=timed["avg"],
            median_us=timed.get("median"),
            min_us=timed["min"],
            max_us=timed["max"],
            p95_us=timed.get("p95"),
        ),
    )


def words(output: str) -> str:
    """The lines that complain, else the last ones."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    chosen = [line for line in lines if _COMPLAINT.search(line)][:5] or lines[-3:]
    return " | ".join(chosen)[:_WORDS] or "it printed nothing"


def _failure(code: int, output: str, delegate: Delegate, options: Iterable[str]) -> str:
    if code:
        how = _SIGNALS.get(code) or (f"ended by signal {code - 128}" if code > 128 else f"failed ({code})")
        return f"{how}: {words(output)}"
    if unknown := _UNKNOWN.search(output):
        decides = {f"--use_{delegate}=true", *options}
        if ignored := sorted(decides & set(unknown.group(1).split())):
            return f"does not know {', '.join(ignored)}: {unknown.group(0).strip()}"
    if delegate == "none":
        uses = _XNNPACK_RUNS.search(output)
        return f"runs XNNPACK although no delegate is wanted: {uses.group(0).strip()}" if uses else ""
    if refused := _NOT_APPLIED.search(output):
        return f"does not run the model on {NAMES[delegate]}: {refused.group(0).strip()}"
    if not delegated(output, delegate):
        return f"does not say that {NAMES[delegate]} runs anything of the model: {words(output)}"
    return ""


def _figures(count: str, rest: str) -> dict[str, float]:
    """Of one line ``count=..``; equal times are told only once, as ``curr=``."""
    told = {name: float(value) for name, value in _FIGURE.findall(rest)}
    if "curr" not in told:
        raise MeasurementFailed(f"benchmark_model timed no invocation: count={count}{rest}")
    return {**dict.fromkeys(("first", "min", "max", "avg"), told["curr"]), **told, "count": float(count)}
