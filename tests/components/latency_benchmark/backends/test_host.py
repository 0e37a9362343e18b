from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.latency_benchmark.backends import host, open_backend, worker_process
from components.latency_benchmark.backends.base import Burst, DeviceLost, MeasurementFailed, ModelUnderTest
from components.latency_benchmark.backends.host import HostBackend
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import HostDevice

SETTINGS = MeasurementSettings(timeout_s=20)
PINS = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes")


@pytest.fixture
def model(tmp_path: Path) -> ModelUnderTest:
    return write_reference(tmp_path, tmp_path, seed=0)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a worker in place that introduces itself properly and then does something else."""

    def write(on_request: str) -> None:
        path = tmp_path / "worker.py"
        path.write_text(
            "import json, os, signal, sys, time\n"
            "sys.stdin.readline()\n"
            'print(\'{"runtime": "test", "cores": null}\', flush=True)\n'
            "for line in sys.stdin:\n" + textwrap.indent(textwrap.dedent(on_request), "    ")
        )
        monkeypatch.setattr(host, "WORKER", path)

    return write


def backend(settings: MeasurementSettings = SETTINGS, **device: Any) -> HostBackend:
    return HostBackend("laptop", HostDevice(**device), settings)


def time(opened: HostBackend, model: ModelUnderTest, runs: int = 2, keep_loaded: bool = True) -> Burst:
    return opened.time(model, warmup_runs=1, warmup_seconds=0, runs=runs, seconds=0, keep_loaded=keep_loaded)


def test_warm_runs_and_cold_start(model: ModelUnderTest) -> None:
    with open_backend("laptop", HostDevice(), SETTINGS) as opened:
        opened.begin_session()
        start = opened.start(model)
        assert min(start.init_ms, start.first_ms) > 0
        assert start.peak_mib is None or start.peak_mib > 0
        assert isinstance(opened, HostBackend)
        for keep in (True, False):
            burst = time(opened, model, runs=7, keep_loaded=keep)
            assert burst.count == len(burst.samples_us) == 7
            assert burst.min_us > 0


def test_what_the_worker_is_asked_and_what_it_answers(model: ModelUnderTest, script: Any) -> None:
    script(
        "request = json.loads(line)\n"
        'second_ns = 2500 + request["runs"] + 1000 * request["keep"]\n'
        'print(json.dumps({"samples_ns": [1500, second_ns]}), flush=True)\n'
    )
    with backend() as opened:
        assert time(opened, model, runs=20, keep_loaded=True).samples_us == (1.5, 3.52)
        assert time(opened, model, runs=30, keep_loaded=False).samples_us == (1.5, 2.53)


def test_a_machine_says_what_was_found(caplog: pytest.LogCaptureFixture) -> None:
    with backend(ambient="on battery", cores="any") as opened:
        machine = opened.machine()
    assert (machine.profile, machine.backend, machine.is_device) == ("laptop", "host", False)
    assert machine.runtime.startswith("LiteRT 2.")
    assert (machine.delegate, machine.threads, machine.cores) == ("XNNPACK", 1, "")
    assert machine.ambient == "on battery"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_without_the_delegate(model: ModelUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    with backend(delegate="none") as opened:
        assert opened.machine().delegate == "none"
        opened.start(model)
        assert time(opened, model).count == 2
    assert "XNNPACK" not in caplog.text


def test_a_delegate_that_takes_nothing_is_told(
    model: ModelUnderTest, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A worker that is asked for XNNPACK and goes without, as a runtime that was built so does.
    request = HostBackend._request
    monkeypatch.setattr(
        HostBackend,
        "_request",
        lambda self, *about, **more: request(self, *about, **more) | {"xnnpack": False},
    )
    with backend() as opened:
        assert opened.machine().delegate == "none, although XNNPACK was requested"
        opened.start(model)
    assert "XNNPACK was requested, but delegates nothing of the reference model" in caplog.text
    assert f"{model.key}: XNNPACK delegates none of its operators" in caplog.text


def test_threads_that_are_there_are_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with backend(threads=2, cores="any") as opened:
        assert opened.machine().threads == 2
    assert "threads" not in caplog.text


def test_threads_that_are_not_there_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = HostBackend._request
    monkeypatch.setattr(
        HostBackend, "_request", lambda self, *about, **more: request(self, *about, **more) | {"threads": 1}
    )
    with backend(threads=2, cores="any") as opened:
        opened.machine()
    assert "2 threads were requested, XNNPACK has 1" in caplog.text


@PINS
def test_the_worker_stays_on_the_last_core() -> None:
    last = max(os.sched_getaffinity(0))
    with backend() as opened:
        assert opened.machine().cores == str(last)
        assert os.sched_getaffinity(opened._serving().process_id) == {last}


@PINS
def test_the_worker_stays_on_the_core_that_is_named() -> None:
    first = min(os.sched_getaffinity(0))
    with backend(cores=(first,)) as opened:
        assert opened.machine().cores == str(first)
        assert os.sched_getaffinity(opened._serving().process_id) == {first}


def test_a_system_that_does_not_pin_is_told(
    script: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    script('print(\'{"delegated": 1, "threads": null}\', flush=True)\n')
    with backend() as opened:
        assert opened.machine().cores == "any: this system does not pin"
    assert "does not keep processes to cores" in caplog.text


def test_a_core_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"\[4096\]; this process may use \[\d"):
        open_backend("laptop", HostDevice(cores=(4096,)), SETTINGS)


def test_each_session_has_its_own_process(model: ModelUnderTest) -> None:
    with backend() as opened:
        opened.begin_session()
        first = opened._serving().process_id
        time(opened, model)
        assert opened._serving().process_id == first
        opened.begin_session()
        assert opened._serving().process_id != first


def test_the_environment_of_the_process_is_clean(
    model: ModelUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in os.environ if name.startswith(worker_process.TELLING)]:
        monkeypatch.delenv(name)  # what libraries of other tests have set
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("PRIVATE", "yes")
    with caplog.at_level(logging.INFO), backend() as opened:
        opened.begin_session()
        place = Path(f"/proc/{opened._serving().process_id}/environ")
        if place.exists():
            told = dict(one.split("=", 1) for one in place.read_text().split("\0") if one)
            assert told["OMP_NUM_THREADS"] == "1"
            assert not {"MALLOC_ARENA_MAX", "PRIVATE"} & set(told)
    assert "not handed on to the timing process: MALLOC_ARENA_MAX=1, OMP_NUM_THREADS=7" in caplog.text
    assert "PRIVATE" not in caplog.text


def test_what_the_environment_keeps(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kept = worker_process.clean_environment({"PATH": "/bin", "OMP_NUM_THREADS": "1"})
    assert kept == {"PATH": "/bin", **worker_process.ADDED}
    assert not caplog.text, "it comes to the same"
    assert "LD_PRELOAD" not in worker_process.clean_environment({"LD_PRELOAD": "x.so"})
    assert "LD_PRELOAD=x.so" in caplog.text


def test_a_crash_names_the_model_the_signal_and_the_last_words(
    model: ModelUnderTest, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_worker = host.WORKER
    script("print('kernel says no', file=sys.stderr, flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    with backend() as opened:
        with pytest.raises(MeasurementFailed) as failed:
            time(opened, model)
        assert not isinstance(failed.value, DeviceLost)
        assert str(failed.value) == (
            f"{model.key} crashed the timing process: signal SIGSEGV; kernel says no"
        )
        monkeypatch.setattr(host, "WORKER", true_worker)
        assert time(opened, model).count == 2, "a new process serves on"


def test_an_exit_is_no_answer(model: ModelUnderTest, script: Any) -> None:
    script("sys.exit(3)\n")
    with backend() as opened, pytest.raises(MeasurementFailed, match="exit code 3; nothing on"):
        opened.start(model)


def hanging(opened: HostBackend, timeout_s: float) -> None:
    """Begins a session whose process may be slow to come up, but not to answer."""
    opened.begin_session()
    assert opened._worker is not None
    opened._worker._timeout_s = timeout_s


def test_a_model_that_hangs_fails_and_the_next_has_another_process(
    model: ModelUnderTest, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_worker = host.WORKER
    script("time.sleep(600)\n")
    with backend() as opened:
        hanging(opened, timeout_s=0.2)
        with pytest.raises(MeasurementFailed, match=r"did not answer within 0\.2 s"):
            time(opened, model)
        monkeypatch.setattr(host, "WORKER", true_worker)
        assert time(opened, model).count == 2


def test_the_wait_is_longer_by_what_the_request_takes(model: ModelUnderTest, script: Any) -> None:
    script("time.sleep(600)\n")
    with backend() as opened:
        hanging(opened, timeout_s=0.2)
        with pytest.raises(MeasurementFailed, match=r"did not answer within 0\.5 s"):
            opened.time(model, warmup_runs=1, warmup_seconds=0.1, runs=1, seconds=0.2, keep_loaded=True)


def test_a_process_that_does_not_come_up_is_a_device_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit('no runtime here')\n")
    monkeypatch.setattr(host, "WORKER", broken)
    with backend() as opened, pytest.raises(DeviceLost, match=r"does not come up: .*no runtime here"):
        opened.begin_session()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with backend() as opened, pytest.raises(DeviceLost, match=r"does not come up: .*No such file"):
        opened.machine()


def test_an_unreadable_file_is_an_answer_not_a_crash(model: ModelUnderTest) -> None:
    model.path.write_bytes(b"not a model")
    with backend() as opened:
        for ask in (time, lambda opened, model: opened.profile(model, 3)):
            with pytest.raises(MeasurementFailed, match=f"{model.key} does not run"):
                ask(opened, model)


def test_no_process_is_left_behind(model: ModelUnderTest) -> None:
    with backend() as opened:
        opened.machine()
        process = opened._serving()._process
    assert process.poll() is not None


def test_the_worker_needs_no_tensorflow() -> None:
    script = f"import runpy, sys; runpy.run_path({str(host.WORKER)!r}); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_profile_without_delegate_names_each_operator_of_the_file(model: ModelUnderTest) -> None:
    with backend(delegate="none") as opened:
        operators = opened.profile(model, 8)
    assert sum(one.share for one in operators) == pytest.approx(1)
    assert [one.mean_us for one in operators] == sorted((one.mean_us for one in operators), reverse=True)
    counted: dict[str, int] = {}
    for one in operators:
        counted[one.operator] = counted.get(one.operator, 0) + one.count
    assert counted == flatbuffer.operators(flatbuffer.parse(model.path.read_bytes()))
    dense = next(one for one in operators if one.operator == "FULLY_CONNECTED")
    assert dense.name == "embedding"


def test_a_profile_looks_inside_xnnpack(model: ModelUnderTest) -> None:
    with backend() as opened:
        operators = opened.profile(model, 8)
    assert sum(one.share for one in operators) == pytest.approx(1)
    kinds = {one.operator.split()[0] for one in operators}
    assert {"Convolution", "Fully"} <= kinds
    assert "CONV_2D" not in kinds
    assert all(one.mean_us >= 1 or one.name == "each below 1 us" for one in operators)


def test_operators_that_do_not_add_up_are_told(
    model: ModelUnderTest, script: Any, caplog: pytest.LogCaptureFixture
) -> None:
    script(
        'print(\'{"plain_us": [100, 100], "operators": [{"operator": "ADD", "name": "sum;a",'
        ' "delegated": false, "elapsed_us": [60, 60]}]}\', flush=True)\n'
    )
    with backend() as opened:
        operators = opened.profile(model, 2)
    assert [(one.name, one.mean_us, one.share) for one in operators] == [("sum", 60, 1)]
    assert f"{model.key}: its operators take 60 us of an invocation's 100 us (60 %)" in caplog.text


def test_a_runtime_without_profiler_tells_nothing(model: ModelUnderTest, script: Any) -> None:
    script("print('{}', flush=True)\n")
    with backend() as opened:
        assert opened.profile(model, 2) == []


def test_an_input_of_another_size_is_not_profiled(model: ModelUnderTest) -> None:
    np.save(model.input_path, np.zeros((1, 96, 65), np.float32))
    with (
        backend() as opened,
        pytest.raises(MeasurementFailed, match="the input takes 24576 bytes, not 24960"),
    ):
        opened.profile(model, 2)
