"""``submit`` and ``status`` as a person calls them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pipeline_runner
from tests.pipeline.kubeflow.kfp_server import Fault, KfpServer
from tests.pipeline.kubeflow.made_up_clock import MadeUpClock

DONE = {"prepare": "SUCCEEDED", "train": "SUCCEEDED", "train-2": "SUCCEEDED", "judge": "SUCCEEDED"}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(server: KfpServer, capsys: pytest.CaptureFixture[str], clock: MadeUpClock) -> Call:
    """Runs a command against the server; returns its exit code, what it printed, and its complaints."""

    def run(*arguments: Any) -> tuple[int, str, str]:
        code = pipeline_runner.main([*map(str, arguments), "--host", server.host])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_submit_prints_the_run_and_how_to_look_at_it(server: KfpServer, call: Call, small: Path) -> None:
    code, out, err = call("submit", small, "--param", "count=3")

    (run_id,) = server.runs
    (sent,) = server.created
    name = sent["display_name"]
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"run {run_id}: {name}, experiment Default",
        f"  {server.host}/#/runs/details/{run_id}",
        f"  to look at it: pipeline_runner.py status {run_id} --host {server.host}",
    ]
    assert re.fullmatch(r"small \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", name)


def test_submit_sends_what_the_flags_say(server: KfpServer, call: Call, small: Path) -> None:
    flags = (
        "--param count=3 --param quick=false --experiment nightly --run-name mine --namespace team --no-cache"
    )
    code, out, _ = call(
        "submit", small, *flags.split(), "--pipeline-root", "gs://b/c", "--service-account", "runner"
    )

    (sent,) = server.created
    assert code == 0
    assert sent["runtime_config"] == {
        "parameters": {"count": 3, "quick": False},
        "pipeline_root": "gs://b/c",
    }
    assert (sent["display_name"], sent["service_account"]) == ("mine", "runner")
    assert '"enableCache": true' not in json.dumps(sent)
    assert ("nightly", "team") in {
        (one["display_name"], one["namespace"]) for one in server.experiments.values()
    }
    assert "--namespace team" in out


def test_submit_waits_and_tells_what_happens(server: KfpServer, call: Call, small: Path) -> None:
    server.play({"prepare": "RUNNING"}, {"prepare": "SUCCEEDED", "train": "RUNNING"}, DONE)

    code, out, err = call("submit", small, "--param", "count=3", "--wait")

    (run_id,) = server.runs
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in out.splitlines()[2:]]
    assert (code, err) == (0, "")
    assert lines == [
        "[0/4] prepare running",
        "[1/4] prepare succeeded (30 s)",
        "[1/4] train running",
        "[4/4] train succeeded (30 s)",
        "[4/4] train-2 succeeded (30 s)",
        "[4/4] judge succeeded (30 s)",
        f"run {run_id} succeeded in 10 min 0 s; 4 tasks: 4 succeeded",
        f"  {server.host}/#/runs/details/{run_id}",
    ]


@pytest.mark.parametrize("end", ["FAILED", "CANCELED"])
def test_submit_fails_if_the_run_does(server: KfpServer, call: Call, small: Path, end: str) -> None:
    server.play({"prepare": (end, "Traceback\nOSError: no clips")}, end=end)
    code, out, _ = call("submit", small, "--param", "count=3", "--wait")
    assert code == 1
    assert f"prepare {end.lower()}" in out
    assert ("OSError: no clips" in out) == (end == "FAILED")


def test_wait_outlives_a_server_that_is_away(server: KfpServer, call: Call, small: Path) -> None:
    server.play({"prepare": "RUNNING"}, DONE)
    call("submit", small, "--param", "count=3")
    (run_id,) = server.runs
    server.fail(Fault(503, "no endpoints", path=run_id), Fault(path=run_id))

    code, out, _ = call("status", run_id, "--wait")

    assert code == 0
    assert "fails (503): no endpoints; try again" in out
    assert "the server answers again, after 10 s" in out


def test_time_that_is_over_has_a_code_of_its_own(server: KfpServer, call: Call, small: Path) -> None:
    server.play({"prepare": "RUNNING"}, end="RUNNING")
    code, _, err = call("submit", small, "--param", "count=3", "--wait", "--timeout", 60)
    (run_id,) = server.runs
    assert code == 124
    assert err == (
        f"the run is not over after 60 s: the run continues; to look at it: "
        f"pipeline_runner.py status {run_id} --host {server.host} --wait\n"
    )


def test_interrupted_the_run_goes_on(
    server: KfpServer, call: Call, small: Path, clock: MadeUpClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    server.play({"prepare": "RUNNING"}, end="RUNNING")
    monkeypatch.setattr(clock, "sleep", interrupt)
    code, _, err = call("submit", small, "--param", "count=3", "--wait")
    (run_id,) = server.runs
    assert code == 130
    assert err.startswith(
        f"interrupted; the run continues; to look at it: pipeline_runner.py status {run_id}"
    )


def test_server_that_stays_away_fails_and_says_how_to_look_again(
    server: KfpServer, call: Call, small: Path
) -> None:
    call("submit", small, "--param", "count=3")
    (run_id,) = server.runs
    server.fail(*[Fault(503, "no endpoints", path=run_id)] * 200)
    code, _, err = call("status", run_id, "--wait")
    assert code == 1
    assert err.startswith("failed: the server")
    assert f"the run continues; to look at it: pipeline_runner.py status {run_id}" in err


def test_login_that_ends_while_one_waits_says_that_the_run_goes_on(
    server: KfpServer, call: Call, small: Path
) -> None:
    server.play({"prepare": "RUNNING"}, end="RUNNING")
    call("submit", small, "--param", "count=3")
    (run_id,) = server.runs
    server.fail(Fault(401, "expired", path=run_id))
    code, _, err = call("status", run_id, "--wait")
    assert code == 2
    assert err.startswith("refused: the server")
    assert "the run continues; to look at it" in err


def test_status_shows_every_task(server: KfpServer, call: Call, small: Path) -> None:
    call("submit", small, "--param", "count=3", "--run-name", "mine")
    (run_id,) = server.runs
    server.play({"prepare": "SUCCEEDED", "train": ("FAILED", "ValueError: x")}, end="FAILED")

    code, out, _ = call("status", run_id)

    assert code == 1
    assert out.splitlines() == [
        "mine, since 2026-03-01 12:00:00 UTC",
        "  prepare succeeded (30 s)",
        "  train failed (30 s): ValueError: x",
        "  train-2 skipped",
        "  judge skipped",
        f"run {run_id} failed in 10 min 0 s; 4 tasks: 1 failed, 2 skipped, 1 succeeded",
        f"  {server.host}/#/runs/details/{run_id}",
    ]


def test_status_of_a_run_that_runs_is_no_failure(server: KfpServer, call: Call, small: Path) -> None:
    call("submit", small, "--param", "count=3")
    (run_id,) = server.runs
    server.play({"prepare": "RUNNING"}, end="RUNNING")
    assert call("status", run_id)[0] == 0


def test_status_as_json_says_nothing_else(server: KfpServer, call: Call, small: Path) -> None:
    call("submit", small, "--param", "count=3")
    (run_id,) = server.runs
    server.play({"prepare": "RUNNING"}, DONE)

    code, out, err = call("status", run_id, "--wait", "--json")

    shown = json.loads(out)
    assert (code, shown["run_id"], shown["state"]) == (0, run_id, "SUCCEEDED")
    assert {task["name"]: task["state"] for task in shown["tasks"]} == DONE
    assert "prepare running" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("submit {small}", "the parameter count has no default: give --param count=VALUE"),
        ("submit {small} --param count=x", "'x' is refused; accepted: a whole number"),
        ("submit", "give a compiled PIPELINE.yaml, or a configuration as --config"),
        ("submit {small} --config demo", "one of the two"),
        ("submit {small} --set seed=1", "use --param"),
        ("submit {small} --timeout 5", "give both, or neither"),
        ("submit nothing.yaml", "nothing.yaml cannot be read"),
        ("status nothing", "not found"),
        ("status nothing --wait", "not found"),
    ],
)
def test_what_cannot_be_used_is_refused(
    server: KfpServer, call: Call, small: Path, arguments: str, message: str
) -> None:
    code, _, err = call(*arguments.format(small=small).split())
    assert code == 2
    assert err.startswith("refused: ")
    assert message in err
    assert "goes on" not in err
    assert server.created == []


def test_parameters_are_checked_before_anything_is_sent(server: KfpServer, call: Call, small: Path) -> None:
    call("submit", small, "--param", "cout=3")
    assert server.requests == []


def test_no_host_is_refused(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline_runner.main(["submit", str(small), "--param", "count=3"]) == 2
    assert "give --host or KF_PIPELINES_ENDPOINT" in capsys.readouterr().err


def test_interrupted_while_submitting_nobody_knows(
    server: KfpServer, call: Call, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.kubeflow.client import PipelinesServer

    def interrupt(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PipelinesServer, "submit", interrupt)
    code, _, err = call("submit", small, "--param", "count=3", "--run-name", "mine")
    assert code == 130
    assert err.startswith("interrupted while the run 'mine' was being submitted")


def test_configuration_is_compiled_first(
    server: KfpServer, call: Call, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler has tests of its own; here it is told the configuration, and its file is sent."""
    from pipeline.configuration.config import RunConfig

    seen: list[str] = []

    def compiled(config: RunConfig, target: Path) -> None:
        seen.append(config.name)
        target.write_bytes(small.read_bytes())

    # In place of the module: it brings TFX with it.
    compiler = SimpleNamespace(compile_pipeline=compiled)
    monkeypatch.setitem(sys.modules, "pipeline.kubeflow.compile", compiler)
    code, _, _ = call("submit", "--config", "demo", "--set", "name=mine", "--param", "count=3")
    assert (code, seen) == (0, ["mine"])
    assert len(server.created) == 1

    _, _, err = call("submit", "--config", "demo", "--param", "colour=3")
    assert "--param colour: --config demo has no such parameter" in err


def test_asking_a_server_needs_no_tensorflow() -> None:
    """It would take ten times as long, and say things of its own."""
    code = "import sys, pipeline_runner, pipeline.kubeflow.client; sys.exit('tensorflow' in sys.modules)"
    root = Path(pipeline_runner.__file__).parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_timeout_must_be_a_time(small: Path, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        pipeline_runner.main(["submit", str(small), "--wait", "--timeout", seconds])
    assert caught.value.code == 2
    assert "is not a number of seconds above 0" in capsys.readouterr().err
