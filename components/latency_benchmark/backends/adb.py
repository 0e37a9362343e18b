"""An Android device on a cable, by TFLite's benchmark_model: a process of its own for every burst."""

from __future__ import annotations

import hashlib
import logging
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from components.common.modeling import flatbuffer
from components.latency_benchmark.backends import android, benchmark_model, benchmark_profile
from components.latency_benchmark.backends.base import (
    Backend,
    Burst,
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.backends.connection import Answer, Connection, Disconnected
from components.latency_benchmark.backends.device_folder import DeviceFolder
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import AdbDevice
from schemas.latency_reports import Machine, OperatorTime

_TOOL = "benchmark_model"
_COOLING_PAUSE_S = 10
_NOT_RUNNABLE = (126, 127)
_TRIES = 3
_MARGIN = 1.1

_T = TypeVar("_T")
_log = logging.getLogger("tinytrill.latency_benchmark")


class AdbBackend(Backend):
    """Files go to a folder of this run on the device, each once, and are checked there.

    A device that goes away is waited for, and what was interrupted is done again; one that does not come
    back is lost for good.

    Args:
      name: Of the device in the configuration.
      device: How it is reached and what runs the models.
      settings: Of the measurement; ``timeout_s`` bounds each command.

    Raises:
      ValueError: If an option of the device contradicts what the back end sets.
    """

    def __init__(self, name: str, device: AdbDevice, settings: MeasurementSettings) -> None:
        benchmark_model.check_options(device.options)
        self._name = name
        self._device = device
        self._timeout_s = settings.timeout_s
        self._connection = Connection(device.adb, device.serial, settings.timeout_s)
        self._folder = DeviceFolder(self._connection, device.folder)
        self._scratch = tempfile.TemporaryDirectory(prefix="tinytrill-adb-")
        self._ready = False
        self._known: frozenset[str] = frozenset()
        self._tool_sha256 = ""
        self._lost = ""
        self._stretch: dict[str, float] = {}

    def machine(self) -> Machine:
        """The device as Android describes it. The tool tells no version: its sha256 names the runtime."""
        facts = self._surviving(self._read_facts)
        device = self._device
        return Machine(
            profile=self._name,
            backend="adb",
            name=facts.name,
            soc=facts.soc,
            os=facts.os,
            runtime=f"{_TOOL} {self._tool_sha256[:12]}",
            delegate=" ".join((benchmark_model.NAMES[device.delegate], *device.options)),
            threads=device.threads,
            cores=f"mask {device.core_mask.lower()}" if device.core_mask else "",
            is_device=True,
            ambient=device.ambient,
        )

    def begin_session(self) -> None:
        """Waits until the device is as cool as the configuration wants it, at most ``timeout_s``."""
        self._surviving(self._prepare)
        limit = self._device.max_start_temperature_c
        if limit is None:
            return
        pause_s = max(1, min(_COOLING_PAUSE_S, int(self._timeout_s)))
        for _ in range(max(1, int(self._timeout_s / pause_s))):
            celsius = android.outside_temperature(self._surviving(self._read_sensors))
            if celsius is None:
                _log.warning("%s reports no temperature: the session starts without cooling down", self._name)
                return
            if celsius <= limit:
                return
            _log.info("%s has %.1f degrees, it cools down to %g first", self._name, celsius, limit)
            self._surviving(lambda: self._connection.ask(f"sleep {pause_s}", pause_s + self._timeout_s))
        _log.warning(
            "%s has not cooled down to %g degrees in %g s (timeout_s): the session starts all the same",
            self._name,
            limit,
            self._timeout_s,
        )

    def sensors(self) -> Sensors:
        """Battery, thermal service and kernel; empty where nothing can be read."""
        if self._lost:
            return Sensors()
        try:
            return self._read_sensors()
        except (Disconnected, DeviceLost) as error:
            _log.info("%s: the sensors cannot be read: %s", self._name, error)
            return Sensors()

    def start(self, model: ModelUnderTest) -> Start:
        """Measures a cold start: the first of two invocations in a new process."""
        output = self._benchmark(model, benchmark_model.Run(1, 0.0, 1, 0.0))
        if share := benchmark_model.delegated(output, self._device.delegate):
            _log.info("%s on %s: %s", model.key, self._name, share)
        result = benchmark_model.parse(output)
        return Start(result.init_ms, result.first_ms, result.peak_mib)

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
        """Runs a model in a new process: it is loaded and warmed up each time, never kept.

        A burst that is too short is repeated with more time, and the model's later ones get it at once.
        """
        for _ in range(_TRIES):
            stretch = self._stretch.setdefault(model.sha256, _MARGIN)
            run = benchmark_model.Run(warmup_runs, warmup_seconds, runs, seconds * stretch)
            burst = benchmark_model.parse(self._benchmark(model, run)).burst
            if burst.seconds >= seconds or not burst.seconds:
                break
            # The tool's clock runs on between invocations: it copies the input, and waits if told to.
            self._stretch[model.sha256] = stretch * _MARGIN * seconds / burst.seconds
        return burst

    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        """Where a model's time goes; empty if the tool was built without profiling."""
        self._surviving(self._prepare)
        if self._known and "enable_op_profiling" not in self._known:
            return []
        run = benchmark_model.Run(1, 0.0, runs, 0.0, profile=True)
        return benchmark_profile.operators(self._benchmark(model, run))

    def close(self) -> None:
        """Removes the run's folder from the device; the configured one only if it was made for the run."""
        self._scratch.cleanup()
        self._ready = False
        patient = self._device.retries and not self._lost
        if problem := self._folder.remove(self._device.reconnect_s if patient else 0.0):
            _log.warning("%s: %s", self._name, problem)

    def _surviving(self, action: Callable[[], _T]) -> _T:
        """Does something, and does it again when the device has come back from a disconnect."""
        if self._lost:
            raise DeviceLost(self._lost)
        waits = 0
        while True:
            try:
                return action()
            except DeviceLost as error:
                self._lost = str(error)
                raise
            except Disconnected as error:
                reason = str(error)
            self._ready = False
            back = False
            while not back and waits < self._device.retries:
                waits += 1
                _log.warning(
                    "%s is gone (%s): wait %d of %d", self._name, reason, waits, self._device.retries
                )
                back = self._connection.wait(self._device.reconnect_s)
            if not back:
                self._lost = self._farewell(reason, waits)
                raise DeviceLost(self._lost)

    def _farewell(self, reason: str, waits: int) -> str:
        waited = (
            f"waited {waits} times up to {self._device.reconnect_s:g} s" if waits else "no retries are set"
        )
        state = self._connection.problem() or "adb sees it again now"
        return f"{self._name} was lost: {reason}; {waited}; {state}"

    def _prepare(self) -> None:
        """Makes folder and tool ready, once a connection.

        Raises:
          DeviceLost: If they cannot be: then no model can be measured.
          Disconnected: If the device is gone meanwhile.
        """
        if self._ready:
            return
        if not self._folder.touched and (problem := self._connection.problem()):
            raise DeviceLost(f"{self._name}: {problem}")
        tool = Path(self._device.benchmark_model)
        try:
            self._tool_sha256 = hashlib.sha256(tool.read_bytes()).hexdigest()
        except OSError as error:
            raise DeviceLost(
                f"{self._name}: {_TOOL} {tool} cannot be read ({error.strerror}). "
                f"It is {benchmark_model.WHERE}"
            ) from error
        try:
            self._folder.make()
            self._try_tool(self._folder.place(tool, _TOOL, self._tool_sha256))
        except MeasurementFailed as error:
            raise DeviceLost(f"{self._name}: {error}") from error
        self._ready = True

    def _try_tool(self, path: str) -> None:
        """Asks the tool for its options: so one that cannot run here is found out at once."""
        quoted, tool = shlex.quote(path), self._device.benchmark_model
        answer = self._connection.ask(f"chmod 755 {quoted} && {quoted} --help")
        if answer.code in _NOT_RUNNABLE or answer.code > 128:
            abis = self._connection.ask("getprop ro.product.cpu.abilist").output.strip()
            raise MeasurementFailed(
                f"{tool} does not run on the device, which takes {abis or 'unknown'} programs: "
                f"{benchmark_model.words(answer.output)}. It is {benchmark_model.WHERE}"
            )
        self._known = benchmark_model.known_options(answer.output)
        missing = benchmark_model.missing_options(self._known, self._device.delegate, self._device.options)
        if missing:
            raise MeasurementFailed(
                f"{tool} has no option --{', --'.join(missing)}: it was built without it, or is not the tool "
                f"of TFLite's Interpreter. That is {benchmark_model.WHERE}"
            )
        if not benchmark_model.takes_input(self._known):
            _log.info("%s: this %s takes no input, it draws one at random", self._name, _TOOL)

    def _benchmark(self, model: ModelUnderTest, run: benchmark_model.Run) -> str:
        """Output of a run that ended well, on the delegate that is wanted."""

        def attempt() -> Answer:
            self._prepare()
            command = self._command(model, run)
            try:
                return self._connection.shell(command)
            except TimeoutError as error:
                self._folder.stop_processes()
                raise MeasurementFailed(
                    f"{_TOOL} did not end within {self._timeout_s:g} s and was stopped"
                ) from error

        device = self._device
        try:
            answer = self._surviving(attempt)
            benchmark_model.check(answer.code, answer.output, device.delegate, device.options)
        except DeviceLost:
            raise
        except MeasurementFailed as error:
            raise MeasurementFailed(f"{model.key} on {self._name}: {error}") from error
        return answer.output

    def _command(self, model: ModelUnderTest, run: benchmark_model.Run) -> str:
        """Puts the model and its input in place, and says how it is run."""
        device = self._device
        options = benchmark_model.arguments(
            self._folder.place(model.path, f"{model.sha256}.tflite", model.sha256),
            run,
            self._inputs(model) if benchmark_model.takes_input(self._known) else [],
            threads=device.threads,
            delegate=device.delegate,
            options=device.options,
            max_seconds=self._timeout_s,
            known=self._known,
        )
        pinned = ["taskset", device.core_mask] if device.core_mask else []
        return shlex.join([*pinned, f"{self._folder.path}/{_TOOL}", *options])

    def _inputs(self, model: ModelUnderTest) -> list[benchmark_model.Input]:
        """The model's inputs as raw bytes on the device: sound, and the state of zeros of a stream."""
        values = [np.load(model.input_path, allow_pickle=False)]
        if model.input == "stream":
            states = flatbuffer.inputs(flatbuffer.parse(model.path.read_bytes()))[1:]
            values += [np.zeros(state.shape, np.float32) for state in states]
        return [self._input(value) for value in values]

    def _input(self, value: np.ndarray[Any, Any]) -> benchmark_model.Input:
        content = value.tobytes()
        sha256 = hashlib.sha256(content).hexdigest()
        local = Path(self._scratch.name) / f"{sha256}.input"
        local.write_bytes(content)
        return benchmark_model.Input(self._folder.place(local, local.name, sha256), value.shape)

    def _read_facts(self) -> android.Facts:
        self._prepare()
        return android.facts(self._connection.ask("getprop").output)

    def _read_sensors(self) -> Sensors:
        return android.sensors(self._connection.ask(android.SENSORS_COMMAND).output)


def open_device(name: str, device: AdbDevice, settings: MeasurementSettings) -> AdbBackend:
    """The back end of a device."""
    return AdbBackend(name, device, settings)
