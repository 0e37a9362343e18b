"""This machine: LiteRT in processes of their own, away from TensorFlow's memory and threads."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from components.latency_benchmark.backends.base import Backend, MeasurementFailed, Start, Subject
from components.latency_benchmark.settings import LatencySettings
from schemas.latency_reports import Machine

WORKER = Path(__file__).with_name("worker.py")
CPU_INFO = Path("/proc/cpuinfo")

_STDERR_LINES = 5
_STDERR_BYTES = 4096

_log = logging.getLogger("tinytrill.latency_benchmark")


class HostBackend(Backend):
    """Cold starts each in a fresh process, warm runs in one process that serves the whole session."""

    def __init__(self, settings: LatencySettings) -> None:
        self._settings = settings
        self._cores = _cores_to_use(settings.threads) if settings.pin_core else None
        self._worker: _Worker | None = None
        self._runtime = ""

    def machine(self) -> Machine:
        """The processor, and the runtime as the worker sees it."""
        self._serving()
        pinned = f", on core {','.join(map(str, self._cores))}" if self._cores else ""
        delegate = "XNNPACK" if self._settings.delegate == "xnnpack" else "no delegate"
        return Machine(
            backend="host",
            name=_processor(),
            os=platform.platform(),
            runtime=f"LiteRT {self._runtime}, {delegate}{pinned}",
            threads=self._settings.threads,
            is_device=False,
        )

    def start(self, subject: Subject) -> Start:
        """Measures a cold start in a fresh process."""
        worker = self._spawn()
        try:
            answer = worker.ask(self._request("start", subject, warmup=self._settings.warmup), subject.key)
        finally:
            worker.stop()
        return Start(answer["init_ms"], answer["first_ms"], answer["peak_mib"])

    def time(self, subject: Subject, warmup: int, runs: int, keep_loaded: bool) -> list[float]:
        """Runs a model in the session's process; one that a model has brought down is replaced."""
        request = self._request("time", subject, warmup=warmup, runs=runs, keep=keep_loaded)
        samples: list[float] = self._serving().ask(request, subject.key)["samples_us"]
        return samples

    def close(self) -> None:
        """Stops the session's process."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _serving(self) -> _Worker:
        if self._worker is None or not self._worker.alive:
            self.close()
            self._worker = self._spawn()
        return self._worker

    def _spawn(self) -> _Worker:
        worker = _Worker(self._settings.timeout_s)
        try:
            answer = worker.ask({"op": "hello", "cores": self._cores}, "the runtime")
        except MeasurementFailed as error:
            worker.stop()
            raise RuntimeError(f"the timing process does not come up: {error}") from error
        self._runtime = answer["runtime"]
        return worker

    def _request(self, operation: str, subject: Subject, **more: Any) -> dict[str, Any]:
        return {
            "op": operation,
            "path": str(subject.path),
            "input": str(subject.input_path),
            "threads": self._settings.threads,
            "xnnpack": self._settings.delegate == "xnnpack",
            **more,
        }


class _Worker:
    """One worker process: a JSON line in, a JSON line out."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._process = subprocess.Popen(
            # -P keeps the script's folder off the path: no file of ours can shadow a module.
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], about: str) -> dict[str, Any]:
        """Sends a request and waits for its answer.

        Raises:
          MeasurementFailed: If the process dies, is too slow or answers with an error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._timeout_s)
        except (BrokenPipeError, ValueError):
            line = ""
        except queue.Empty:
            self._process.kill()
            raise MeasurementFailed(f"{about} did not answer within {self._timeout_s:g} s") from None
        if not line:
            raise MeasurementFailed(f"{about} brought the timing process down: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MeasurementFailed(f"{about} does not run: {answer['error']}")
        return answer

    def stop(self) -> None:
        """Ends the process and frees what belongs to it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._stderr.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _last_words(self) -> str:
        code = self._process.wait()
        ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - _STDERR_BYTES))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()[-_STDERR_LINES:]
        return f"{ending}; " + (" | ".join(lines) if lines else "nothing on standard error")


def _cores_to_use(count: int) -> list[int] | None:
    """The last ``count`` cores this process may use (the first serve most interrupts)."""
    if not hasattr(os, "sched_getaffinity"):
        _log.info("this system does not pin processes to cores: the spread will be larger")
        return None
    return sorted(os.sched_getaffinity(0))[-count:]


def _processor() -> str:
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
