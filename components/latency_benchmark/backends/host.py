"""This machine: LiteRT in processes of their own, away from TensorFlow's memory, threads and environment."""

from __future__ import annotations

import logging
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from components.latency_benchmark.backends import host_state
from components.latency_benchmark.backends.base import (
    Backend,
    Burst,
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.backends.operators import middle_mean, operator_times
from components.latency_benchmark.backends.worker_process import WorkerProcess, clean_environment
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import HostDevice
from schemas.latency_reports import Machine, OperatorTime

WORKER = Path(__file__).with_name("worker.py")

# Beyond these the operators of a profile do not add up to the invocation, and one should know.
WHOLE = (0.7, 1.3)

_log = logging.getLogger("tinytrill.latency_benchmark")


class HostBackend(Backend):
    """Cold starts and profiles each in a fresh process, warm runs in one process a session.

    Args:
      name: Of the device in the configuration.
      device: Threads, delegate and cores.
      settings: How long to wait, and how often a model runs before it is started or profiled.

    Raises:
      ValueError: If the device names a core that is not there or may not be used.
    """

    def __init__(self, name: str, device: HostDevice, settings: MeasurementSettings) -> None:
        self._name = name
        self._device = device
        self._settings = settings
        self._cores = host_state.choose_cores(device.cores, device.threads)
        self._environment = clean_environment(os.environ)
        self._throttles = host_state.ThrottleCount()
        self._worker: WorkerProcess | None = None
        self._runtime = ""
        self._pinned_to: list[int] | None = None
        self._preemptions: int | None = None

    def machine(self) -> Machine:
        """The processor, and the runtime as it was found: delegate and threads are checked on a model."""
        delegate = self._found_delegate()
        return Machine(
            profile=self._name,
            backend="host",
            name=host_state.processor(),
            os=platform.platform(),
            runtime=f"LiteRT {self._runtime}",
            delegate=delegate,
            threads=self._device.threads,
            cores=self._found_cores(),
            is_device=False,
            ambient=self._device.ambient,
        )

    def begin_session(self) -> None:
        """Replaces the process that serves warm runs."""
        self.close()
        self._serving()

    def sensors(self) -> Sensors:
        """Temperatures, load, preemptions, and whether the processor has throttled since the last call."""
        return Sensors(
            host_state.temperatures_c(), self._throttles.rose(), host_state.load(), self._preemptions
        )

    def start(self, model: ModelUnderTest) -> Start:
        """Measures a cold start in a fresh process."""
        request = self._request("start", model.path, input=str(model.input_path))
        answer = self._ask_afresh(request, model.key)
        if self._wants_xnnpack and not answer["delegated"]:
            _log.warning("%s: XNNPACK delegates none of its operators", model.key)
        return Start(answer["init_ms"], answer["first_ms"], answer["peak_mib"])

    def time(
        self,
        model: ModelUnderTest,
        *,
        warmup_runs: int,
        warmup_seconds: float,
        runs: int,
        seconds: float,
        keep_loaded: bool,
    ) -> Burst:
        """Runs a model in the session's process; one that a model has brought down is replaced."""
        request = self._request(
            "time",
            model.path,
            input=str(model.input_path),
            warmup_runs=warmup_runs,
            warmup_seconds=warmup_seconds,
            runs=runs,
            seconds=seconds,
            keep=keep_loaded,
        )
        answer = self._serving().ask(request, model.key, warmup_seconds + seconds)
        told = answer.get("preemptions")
        self._preemptions = None if told is None else (self._preemptions or 0) + told
        return Burst.of_samples([sample / 1e3 for sample in answer["samples_ns"]])

    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        """Where a model's time goes, by LiteRT's own profiler in a fresh process.

        Operators are timed where they run, one after another in the whole model, and as the runtime has
        fused and delegated them: those inside XNNPACK bear XNNPACK's names. What lies between operators is
        in none of them, and the clock of those inside XNNPACK counts whole microseconds. So the sum differs
        from the latency; how far is logged, and is a warning beyond ``WHOLE``. Empty where the LiteRT package
        has no profiler.
        """
        request = self._request("profile", model.path, input=str(model.input_path), runs=runs)
        answer = self._ask_afresh(request, model.key)
        if not answer:
            _log.info("%s: this LiteRT has no profiler to ask", model.key)
            return []
        operators = operator_times(answer["operators"])
        took_us, whole_us = sum(one.mean_us for one in operators), middle_mean(answer["plain_us"])
        adds_up = WHOLE[0] <= took_us / whole_us <= WHOLE[1]
        _log.log(
            logging.DEBUG if adds_up else logging.WARNING,
            "%s: its operators take %.0f us of an invocation's %.0f us (%.0f %%)",
            model.key,
            took_us,
            whole_us,
            100 * took_us / whole_us,
        )
        return operators

    def close(self) -> None:
        """Stops the session's process."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    @property
    def _wants_xnnpack(self) -> bool:
        return self._device.delegate == "xnnpack"

    def _found_delegate(self) -> str:
        """What computes the reference model, which XNNPACK can take as a whole."""
        from components.latency_benchmark.reference import reference_model

        with tempfile.TemporaryDirectory(prefix="tinytrill-host-") as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(reference_model())
            try:
                found = self._serving().ask(self._request("inspect", path), "the reference model")
            except MeasurementFailed as error:
                raise DeviceLost(f"this machine does not run models: {error}") from error
        if not found["delegated"]:
            if self._wants_xnnpack:
                _log.warning("XNNPACK was requested, but delegates nothing of the reference model")
            return "none, although XNNPACK was requested" if self._wants_xnnpack else "none"
        if found["threads"] not in (None, self._device.threads):
            _log.warning("%d threads were requested, XNNPACK has %d", self._device.threads, found["threads"])
        return "XNNPACK"

    def _found_cores(self) -> str:
        if self._cores is None:
            return ""
        if self._pinned_to is None:
            _log.warning("this system does not keep processes to cores: the spread will be larger")
            return "any: this system does not pin"
        return ",".join(map(str, self._pinned_to))

    def _serving(self) -> WorkerProcess:
        if self._worker is None or not self._worker.alive:
            self.close()
            self._worker = self._spawn()
        return self._worker

    def _ask_afresh(self, request: dict[str, Any], about: str) -> dict[str, Any]:
        worker = self._spawn()
        try:
            return worker.ask(request, about)
        finally:
            worker.stop()

    def _spawn(self) -> WorkerProcess:
        try:
            worker = WorkerProcess(WORKER, self._settings.timeout_s, self._environment)
        except OSError as error:
            raise DeviceLost(f"the timing process does not come up: {error}") from error
        try:
            answer = worker.ask({"op": "hello", "cores": self._cores}, "the runtime")
        except MeasurementFailed as error:
            worker.stop()
            raise DeviceLost(f"the timing process does not come up: {error}") from error
        self._runtime, self._pinned_to = answer["runtime"], answer["cores"]
        return worker

    def _request(self, operation: str, path: Path, **more: Any) -> dict[str, Any]:
        return {
            "op": operation,
            "path": str(path),
            "threads": self._device.threads,
            "xnnpack": self._wants_xnnpack,
            "warmup_runs": self._settings.warmup_runs,
            **more,
        }


def open_device(name: str, device: HostDevice, settings: MeasurementSettings) -> HostBackend:
    """The back end of a device."""
    return HostBackend(name, device, settings)
