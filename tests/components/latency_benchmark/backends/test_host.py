from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.latency_benchmark.backends import host, open_backend
from components.latency_benchmark.backends.base import MeasurementFailed, Subject
from components.latency_benchmark.backends.host import HostBackend
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.settings import LatencySettings

SETTINGS = LatencySettings(timeout_s=20)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return write_reference(tmp_path, tmp_path, seed=0)


def worker_script(tmp_path: Path, on_request: str) -> Path:
    """A worker that introduces itself properly and then does something else."""
    path = tmp_path / "worker.py"
    path.write_text(
        "import os, signal, sys, time\n"
        "sys.stdin.readline()\n"
        'print(\'{"runtime": "test", "cores": []}\', flush=True)\n'
        "sys.stdin.readline()\n" + on_request
    )
    return path


def test_warm_runs_and_cold_start(subject: Subject) -> None:
    with open_backend(SETTINGS) as backend:
        start = backend.start(subject)
        assert min(start.init_ms, start.first_ms, start.peak_mib) > 0
        for keep in (True, False):
            samples = backend.time(subject, warmup=1, runs=7, keep_loaded=keep)
            assert len(samples) == 7
            assert min(samples) > 0


def test_the_delegate_is_set_and_recorded(subject: Subject) -> None:
    with HostBackend(LatencySettings(delegate="none", pin_core=False)) as backend:
        assert backend.machine().runtime.endswith("no delegate")
        assert backend.time(subject, warmup=1, runs=1, keep_loaded=False)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not pin processes")
def test_the_worker_stays_on_the_last_core() -> None:
    last = max(os.sched_getaffinity(0))
    with HostBackend(SETTINGS) as backend:
        assert backend.machine().runtime.endswith(f"on core {last}")
        assert os.sched_getaffinity(backend._serving()._process.pid) == {last}


def test_a_crash_names_the_model_the_signal_and_the_last_words(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "print('kernel says no', file=sys.stderr, flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    with HostBackend(SETTINGS) as backend:
        with monkeypatch.context() as patched:
            patched.setattr(host, "WORKER", worker_script(tmp_path, script))
            with pytest.raises(MeasurementFailed) as failed:
                backend.time(subject, warmup=1, runs=1, keep_loaded=True)
        assert str(failed.value) == (
            f"{subject.key} brought the timing process down: signal SIGSEGV; kernel says no"
        )
        assert len(backend.time(subject, warmup=1, runs=2, keep_loaded=True)) == 2, "a new process serves on"


def test_an_exit_is_no_answer(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "WORKER", worker_script(tmp_path, "sys.exit(3)\n"))
    with HostBackend(SETTINGS) as backend, pytest.raises(MeasurementFailed, match="exit code 3; nothing on"):
        backend.start(subject)


def test_a_model_that_hangs_fails(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "WORKER", worker_script(tmp_path, "time.sleep(600)\n"))
    with (
        HostBackend(LatencySettings(timeout_s=5)) as backend,
        pytest.raises(MeasurementFailed, match="did not answer within 5 s"),
    ):
        backend.start(subject)


def test_an_unreadable_file_is_an_answer_not_a_crash(subject: Subject) -> None:
    subject.path.write_bytes(b"not a model")
    with (
        HostBackend(SETTINGS) as backend,
        pytest.raises(MeasurementFailed, match=f"{subject.key} does not run"),
    ):
        backend.time(subject, warmup=1, runs=1, keep_loaded=True)


def test_no_process_is_left_behind(subject: Subject) -> None:
    with HostBackend(SETTINGS) as backend:
        backend.machine()
        process = backend._serving()._process
    assert process.poll() is not None


def test_the_worker_needs_no_tensorflow() -> None:
    script = f"import runpy, sys; runpy.run_path({str(host.WORKER)!r}); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
