"""Bundles: what some candidates made as one artifact, and taken apart again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow.bundle import main, unbundle
from infra.kubeflow.container_task import ContainerTask, GivenArtifact
from tests.conftest import REPOSITORY
from tests.infra.kubeflow.executor_inputs import executor_input, folder_of, given, told

KEYS = ("model", "report", "variants")


def made(launcher: Path, places: int, first: int) -> dict[str, Any]:
    """What so many candidates made; each file says whose it is."""
    inputs = {}
    for place in range(places):
        for key in KEYS:
            name = f"{key}_{place:03d}"
            folder = folder_of(launcher, f"of-{first}/{name}")
            (folder / "deep").mkdir(parents=True)
            (folder / "deep" / "file").write_text(f"{key} of {first + place}")
            inputs[name] = given(f"of-{first}/{name}", {"number": float(first + place)})
    return inputs


def bundled(launcher: Path, places: int, first: int) -> Path:
    """Runs the task; returns the bundle's folder."""
    text = executor_input(launcher, made(launcher, places, first), ("bundle",), {"first": float(first)})
    assert main(["--task", text, "--candidates", str(places)]) == 0
    kept = launcher / f"bundle-{first}"
    folder_of(launcher, "made/bundle").rename(kept)
    return kept


def test_bundles_are_taken_apart_by_role_and_number(launcher: Path) -> None:
    inputs = {
        "bundle_000": GivenArtifact(str(bundled(launcher, 2, 0))),
        "bundle_001": GivenArtifact(str(bundled(launcher, 1, 2))),
        "teacher": GivenArtifact("/teacher"),
        "latency_000": GivenArtifact("/latency"),
    }
    found = unbundle(inputs, {"student": "model", "noss": "report"})

    assert set(found) == {"teacher", "latency_000"} | {
        f"{role}_{number:03d}" for role in ("student", "noss") for number in range(3)
    }
    assert found["teacher"] is inputs["teacher"]
    for role, key in (("student", "model"), ("noss", "report")):
        for number in range(3):
            one = found[f"{role}_{number:03d}"]
            assert (Path(one.uri) / "deep" / "file").read_text() == f"{key} of {number}"
            assert one.metadata == {"number": float(number)}
            assert one.name


def test_one_output_may_have_several_roles(launcher: Path) -> None:
    inputs = {"bundle_000": GivenArtifact(str(bundled(launcher, 1, 0)))}
    found = unbundle(inputs, {"noss": "report", "baseline": "report"})
    assert found["noss_000"] == found["baseline_000"]


def test_a_bundle_is_told_to_the_launcher(launcher: Path) -> None:
    bundled(launcher, 2, 12)
    (bundle,) = told(launcher)["artifacts"]["bundle"]["artifacts"]
    assert bundle == {"uri": "s3://runs/made/bundle", "metadata": {}}
    # What the store keeps for this run is by number among all, not by place.
    assert sorted(path.name for path in (launcher / "bundle-12").iterdir()) == ["012", "013", "bundle.json"]


def test_a_second_try_begins_anew(launcher: Path) -> None:
    stale = folder_of(launcher, "made/bundle/000/model")
    stale.mkdir(parents=True)
    (stale / "half").write_text("written by a pod that was killed")
    assert not list(bundled(launcher, 1, 0).rglob("half"))


@pytest.mark.parametrize("lost", ["not told", "not there"])
def test_what_is_missing_is_named(launcher: Path, lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = made(launcher, 2, 0)
    if lost == "not told":
        inputs["report_001"] = {"artifacts": []}
    else:
        inputs["report_001"] = given("nowhere")
    text = executor_input(launcher, inputs, ("bundle",), {"first": 0.0})
    assert main(["--task", text, "--candidates", "2"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    place = "" if lost == "not told" else f": {folder_of(launcher, 'nowhere')}"
    assert last == f"refused: CandidateBundle: report_001 is missing{place}"


def test_bundling_does_not_wait_for_tensorflow() -> None:
    code = "import sys, infra.kubeflow.bundle; print('tensorflow' in sys.modules, 'tfx' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_the_task_that_bundles_reads_what_the_compiler_wrote(launcher: Path) -> None:
    text = executor_input(launcher, {}, ("bundle",), {"first": 24.0, "pipelinechannel--image": "tinytrill:1"})
    task = ContainerTask.parse(text, integers=frozenset({"first"}))
    assert (task.parameters, task.values) == ({"first": 24}, {"image": "tinytrill:1"})
