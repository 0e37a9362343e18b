"""A component's executor in a container: really executed, with what launchers tell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow.entrypoint import main
from infra.kubeflow.run_context import keep
from schemas.run_context import Provenance, RunContext
from tests.conftest import REPOSITORY
from tests.fork_server import run_python
from tests.infra.kubeflow.executor_inputs import executor_input, folder_of, given, told

pytestmark = pytest.mark.slow

EXAMPLES = {"split_names": '["train", "eval"]', "span": 2.0, "display_name": "examples"}
RUN = "7d1ad1ec"


def command(launcher: Path, task: str, executor: str = "Executor", **options: Any) -> list[str]:
    """The arguments as the compiler writes them."""
    types = {"examples": "tfx.Examples", "student": "schemas.StudentModel", **options.get("types", {})}
    arguments = [
        *("--node", "Tiny"),
        *("--executor", f"tests.infra.kubeflow.tiny_executor.{executor}"),
        *("--task", task),
        *("--run-id", RUN),
        *("--run-folder", str(launcher / "shared")),
        *("--types", json.dumps(types)),
        *("--outputs", json.dumps({"examples": "tfx.Examples"})),
        *("--values", "data_root"),
        *("--integers", "seed,count"),
        *("--parameters", json.dumps(options.get("parameters", {}))),
        *("--shares", options.get("shares", "")),
    ]
    return [*arguments, *options.get("beam", [])]


def contain(launcher: Path, arguments: list[str], cold: bool = False) -> subprocess.CompletedProcess[str]:
    """The container: a clean environment, an empty working folder."""
    work = launcher / "work"
    work.mkdir(parents=True)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(launcher),
        "TINYTRILL_LAUNCHER_ROOT": str(launcher),
    }
    return run_python("-m", "infra.kubeflow.entrypoint", *arguments, cwd=work, env=environment, cold=cold)


def brought(launcher: Path, *names: str) -> None:
    """The launcher has copied these artifacts."""
    for name in names:
        folder_of(launcher, name).mkdir(parents=True)
        (folder_of(launcher, name) / "file").write_text(name)


def seen(launcher: Path) -> Mapping[str, Any]:
    """What the executor wrote down."""
    found: Mapping[str, Any] = json.loads((folder_of(launcher, "made/examples") / "seen.json").read_text())
    return found


def test_a_container_executes_and_tells_the_launcher_or_says_why_not(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    brought(good, "in")
    context = RunContext(
        run_key=RUN, run_name="demo", tracking_uri="", experiment="e", provenance=Provenance(code_version="c")
    )
    keep(context, good / "shared", RUN)
    parameters = {
        "seed": 20.0,
        "pipelinechannel--data_root": "/mnt/sound",
        "pipelinechannel--image": "tinytrill:1",
    }
    task = executor_input(good, {"examples": given("in", EXAMPLES)}, ("examples",), parameters)
    broken = executor_input(bad, {}, ("examples",), {"fail": "the sound is gone\n  look at /data"})
    known = {"settings": '{"root": "/{data_root}/noss"}'}
    executed = contain(good, command(good, task, parameters=known), cold=True)
    failed = contain(bad, command(bad, broken))

    assert executed.returncode == 0, executed.stderr
    assert "Cannot convert ID" not in executed.stderr
    wrote = seen(good)
    assert wrote["inputs"]["examples"] == {
        "type": "Examples",
        "uri": str(folder_of(good, "in")),
        "splits": ["train", "eval"],
        "files": ["file"],
    }
    assert wrote["properties"] == {"seed": 20, "settings": '{"root": "/mnt/sound/noss"}'}
    assert isinstance(wrote["properties"]["seed"], int)
    assert wrote["run"] == RUN
    assert wrote["scratch"].startswith(str(good / "told"))
    assert set(told(good)["artifacts"]) == {"examples"}
    (made,) = told(good)["artifacts"]["examples"]["artifacts"]
    assert made["uri"] == "s3://runs/made/examples"
    assert folder_of(good, "made/executor-logs").is_file()
    assert not list((good / "work").iterdir())

    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "failed: Tiny: the sound is gone; look at /data"
    assert "Traceback" in failed.stderr
    assert not (bad / "told" / "output_metadata.json").exists()


def test_splits_survive_the_way_from_one_executor_to_the_next(launcher: Path) -> None:
    brought(launcher, "in")
    first = executor_input(launcher, {"examples": given("in")}, ("examples",), {})
    assert main(command(launcher, first)) == 0
    assert seen(launcher)["inputs"]["examples"]["splits"] == []
    # What the launcher registers, the next task is told.
    (made,) = told(launcher)["artifacts"]["examples"]["artifacts"]
    assert made["metadata"]["split_names"] == '["train", "eval"]'
    assert made["metadata"]["span"] == 3
    assert made["metadata"]["note"] == "made up"
    folder_of(launcher, "made/examples").rename(folder_of(launcher, "kept"))
    second = executor_input(
        launcher, {"examples": given("kept", made["metadata"])}, ("examples",), {"seed": 1.0}
    )
    assert main(command(launcher, second)) == 0
    assert seen(launcher)["inputs"]["examples"]["splits"] == ["train", "eval"]
    # Where nobody wrote a run down, there is none.
    assert seen(launcher)["run"] is None


def test_what_candidates_share_is_given_by_role_and_number(launcher: Path) -> None:
    brought(launcher, "in", "first/000", "first/002", "second/001")
    inputs = {
        "student_000": given("first"),
        "student_001": given("second"),
        "examples": given("in", EXAMPLES),
    }
    text = executor_input(launcher, inputs, ("examples",))
    assert main(command(launcher, text, shares="student")) == 0
    found = seen(launcher)["inputs"]
    assert {key: one["type"] for key, one in found.items()} == {
        "examples": "Examples",
        **{f"student_00{number}": "schemas.StudentModel" for number in range(3)},
    }
    assert (Path(found["student_001"]["uri"]) / "file").read_text() == "second/001"
    assert (Path(found["student_002"]["uri"]) / "file").read_text() == "first/002"


def test_a_closed_gate_is_told_and_everything_else_is_published(launcher: Path) -> None:
    text = executor_input(launcher, {}, ("examples",), output_parameters=("closed",))
    assert main(command(launcher, text, "ClosedGate")) == 0
    assert (folder_of(launcher, "made/examples") / "pushed").read_text() == "for another device"
    answered = told(launcher)
    assert set(answered["artifacts"]) == {"examples"}
    assert answered["parameterValues"]["closed"].startswith("the gate is closed:\n  phone: no latency\n")
    # Where it is open, that is told too.
    text = executor_input(launcher, {}, ("examples",), output_parameters=("closed",))
    shutil.rmtree(folder_of(launcher, "made/examples"))
    assert main(command(launcher, text)) == 0
    assert told(launcher)["parameterValues"] == {"closed": ""}


def test_beams_options_come_with_the_command(launcher: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = executor_input(launcher, {}, ("examples",), {"count": 7.0})
    assert main(command(launcher, text, "BeamExecutor", beam=["--runner=FnApiRunner"])) == 0
    assert (folder_of(launcher, "made/examples") / "count").read_text() == "7\n"
    shutil.rmtree(folder_of(launcher, "made/examples"))
    assert main(command(launcher, text, "BeamExecutor", beam=["--runner=NoSuchRunner"])) == 1
    assert "NoSuchRunner" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("parameters", "inputs", "reason"),
    [
        ({"settings": "/{data_root}/a"}, {}, "parameter data_root has no value, but a place starts at it"),
        ({}, {"windows": given("in")}, "no type is known of windows; known are examples, student"),
        ({"seed": 0.5}, {}, "parameter seed is 0.5; accepted: a whole number"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(
    launcher: Path,
    parameters: dict[str, Any],
    inputs: dict[str, Any],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    brought(launcher, "in")
    assert main(command(launcher, executor_input(launcher, inputs, ("examples",), parameters))) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"refused: Tiny: {reason}"
