"""What a person sees of a fault that nobody foresaw, and of a signal."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pipeline_runner
from pipeline.commands import runs

WAITING = """
import subprocess, sys, time
import pipeline_runner
from pipeline.commands import runs

def wait(options):
    child = subprocess.Popen(["sleep", "600"])
    try:
        print(child.pid, flush=True)
        time.sleep(600)
    finally:
        print("let go", flush=True)

runs._doctor = wait
sys.exit(pipeline_runner.main(["doctor"]))
"""


def break_doctor(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(runs, "_doctor", fail)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x" * 100_000), "failed: KeyError: 'xxxx"),
        (ZeroDivisionError("a\nb"), "failed: ZeroDivisionError: a b (--verbose shows where)\n"),
        (OSError(28, "No space left on device", "/a/b"), "failed: No space left on device: /a/b (--verbose"),
        (AssertionError(), "failed: AssertionError: AssertionError (--verbose shows where)\n"),
    ],
)
def test_an_unforeseen_fault_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    break_doctor(monkeypatch, error)
    assert pipeline_runner.main(["doctor", "--output", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert len(err) < 1000
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_the_folder_has_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.txt").write_text("before\n")
    break_doctor(monkeypatch, ZeroDivisionError("why"))
    assert pipeline_runner.main(["doctor", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"failed: ZeroDivisionError: why (more in {tmp_path}/log.txt)\n"
    log = (tmp_path / "log.txt").read_text()
    assert log.startswith("before\n")
    assert "Traceback (most recent call last)" in log and "in fail" in log


def test_verbose_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    break_doctor(monkeypatch, ZeroDivisionError("why"))
    with pytest.raises(ZeroDivisionError):
        pipeline_runner.main(["doctor", "--verbose"])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_lets_go_and_ends_the_children(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "let go\n"), err
    assert err == "interrupted; the same command goes on from here\n"
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_reader_that_has_read_enough_is_no_fault() -> None:
    command = (
        f'{sys.executable} -c \'import pipeline_runner, sys; sys.exit(pipeline_runner.main(["noss", "ls"]))\''
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, check=True, env=environment
    )
    assert "Traceback" not in done.stderr and "failed" not in done.stderr
