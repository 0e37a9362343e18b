"""A process that runs models: one JSON line in, one JSON line out, nothing of ours in its environment."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.latency_benchmark.backends.base import MeasurementFailed

# What a process needs to start and to find its libraries. All else stays out: OMP_NUM_THREADS and its like
# change threads, LD_PRELOAD and MALLOC_* the memory.
KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
)
# NumPy's own threads, which have no work here.
ADDED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Of what stays out, this much is told.
TELLING = ("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "TF_NUM_", "TFLITE_", "XNN", "MALLOC_", "LD_PRELOAD")

_STDERR_LINES = 5
_STDERR_BYTES = 4096

_log = logging.getLogger("tinytrill.latency_benchmark")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that does not change how fast or in how much memory a model runs.

    Args:
      environment: Of this process.
    """
    left_out = sorted(
        f"{name}={value}"
        for name, value in environment.items()
        if name.startswith(TELLING) and ADDED.get(name) != value
    )
    if left_out:
        _log.info("not handed on to the timing process: %s", ", ".join(left_out))
    return {name: environment[name] for name in KEPT if name in environment} | ADDED


class WorkerProcess:
    """One process; it is of no use any more once a request has failed by its death or by its silence.

    Args:
      script: The file it runs.
      timeout_s: Longest wait for an answer.
      environment: Of the process.
    """

    def __init__(self, script: Path, timeout_s: float, environment: Mapping[str, str]) -> None:
        self._timeout_s = timeout_s
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        try:
            self._process = subprocess.Popen(
                # -P keeps the script's folder off the path: no file of ours can shadow a module.
                [sys.executable, "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                text=True,
                env=dict(environment),
            )
        except OSError:
            self._stderr.close()
            raise
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    @property
    def process_id(self) -> int:
        """As the system numbers it."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], about: str, expected_s: float = 0.0) -> dict[str, Any]:
        """Sends a request and waits for its answer.

        Args:
          request: As the script documents it.
          about: Whom an error names.
          expected_s: What the request takes by itself, waited beside the timeout.

        Raises:
          MeasurementFailed: If the process dies, is too slow or answers with an error.
        """
        assert self._process.stdin is not None
        patience_s = self._timeout_s + expected_s
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=patience_s)
        except (BrokenPipeError, ValueError):
            line = ""
        except queue.Empty:
            self._process.kill()
            self._process.wait()
            raise MeasurementFailed(f"{about} did not answer within {patience_s:g} s") from None
        if not line:
            raise MeasurementFailed(f"{about} crashed the timing process: {self._last_words()}")
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
