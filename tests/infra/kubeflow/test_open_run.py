"""The first task of a run: what it looks at, what it tells, and the run that it opens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from infra.kubeflow.attempts import note_failures
from infra.kubeflow.open_run import main
from infra.kubeflow.run_context import inside
from pipeline.configuration.config_file import load_config
from pipeline.kubeflow.compile import marked
from pipeline.local.layout import RunLayout
from schemas.run_context import RunContext
from tests.infra.kubeflow.executor_inputs import executor_input, told
from tests.pipeline.preflight.test_preflight import configuration, write_sources

pytestmark = pytest.mark.slow

RUN = "7d1ad1ec-0a4f"
DIGESTS = ("digest_corpus", "digest_device_host", "digest_noss", "digest_registry", "digest_teacher")


@pytest.fixture
def store(launcher: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The pods' MLflow, which their environment names."""
    shutil.copy(empty_store, launcher / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{launcher}/mlflow.db")
    monkeypatch.setenv("TINYTRILL_CODE_VERSION", "c" * 40)
    return f"sqlite:///{launcher}/mlflow.db"


def opened(launcher: Path, run_id: str = RUN, config: str = "demo", **values: str) -> int:
    """Runs the task as compiled; returns its exit code."""
    compiled = marked(load_config(config), RunLayout(Path("/scratch/demo")))
    given = {
        "data_root": "/data",
        "teacher_root": "/models",
        "teacher": "",
        "mlflow_uri": "",
        "device_host": "",
    }
    known = json.dumps({"config_json": compiled.request()})
    parameters = {f"pipelinechannel--{name}": value for name, value in (given | values).items()}
    text = executor_input(launcher, {}, (), parameters, (*DIGESTS, "failures"))
    return main(
        ["--task", text, "--parameters", known, "--run-id", run_id, "--run-folder", str(launcher / "shared")]
    )


def context(launcher: Path, run_id: str = RUN) -> RunContext:
    return RunContext.read(launcher / "shared" / "runs" / run_id, "context.json")


def found(launcher: Path) -> dict[str, Any]:
    """What it told the other tasks: in the launcher's file, and in a file for each."""
    values: dict[str, Any] = told(launcher)["parameterValues"]
    assert values.pop("failures") == (launcher / "parameters" / "failures").read_text()
    assert values == {name: (launcher / "parameters" / name).read_text() for name in DIGESTS}
    return values


def test_it_opens_the_run_and_writes_it_down_for_the_others(launcher: Path, store: str) -> None:
    assert opened(launcher) == 0
    kept = context(launcher)
    assert (kept.run_key, kept.run_name, kept.tracking_uri) == (RUN, "demo", store)
    run = MlflowClient(store).get_run(kept.parent_run_id)
    assert run.info.status == "RUNNING"
    assert run.data.tags["tinytrill.run_key"] == RUN
    assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
    # Synthesised sound and a teacher trained on the spot lie nowhere.
    assert set(found(launcher)) == set(DIGESTS)
    assert found(launcher)["digest_corpus"] == found(launcher)["digest_noss"] == ""

    # Tried again, it is the same run; another one is another.
    assert opened(launcher) == 0
    assert context(launcher) == kept
    assert opened(launcher, "another") == 0
    assert context(launcher, "another").parent_run_id != kept.parent_run_id
    assert len(MlflowClient(store).search_runs([run.info.experiment_id])) == 2


def test_tasks_know_their_run_and_mark_it_when_they_fail(launcher: Path, store: str) -> None:
    assert opened(launcher) == 0
    shared, parent = launcher / "shared", context(launcher).parent_run_id
    with inside(shared, RUN):
        assert RunContext.from_environment() == context(launcher)
    assert RunContext.from_environment() is None
    assert MlflowClient(store).get_run(parent).info.status == "RUNNING"
    with pytest.raises(RuntimeError, match="a task"), inside(shared, RUN):
        raise RuntimeError("a task")
    assert MlflowClient(store).get_run(parent).info.status == "FAILED"
    # A retry brings it back.
    assert opened(launcher) == 0
    assert MlflowClient(store).get_run(parent).info.status == "RUNNING"
    with inside(shared, "a run that nobody wrote down"):
        assert RunContext.from_environment() is None


def test_it_tells_which_candidates_failed_before(launcher: Path, store: str) -> None:
    assert opened(launcher) == 0
    assert told(launcher)["parameterValues"]["failures"] == "{}"
    note_failures(launcher / "shared", "tiny-w0.5", "earlier", failed=True)
    note_failures(launcher / "shared", "tiny-w1", "earlier", failed=True)
    note_failures(launcher / "shared", "tiny-w1", "later", failed=False)
    assert opened(launcher, "another") == 0
    assert json.loads(told(launcher)["parameterValues"]["failures"]) == {"tiny-w0.5": "earlier"}


def test_a_device_on_a_cable_is_asked_anew_in_each_run_though_compiled_as_another(
    launcher: Path, store: str
) -> None:
    tool = launcher / "data" / "benchmark_model"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    device = json.dumps({"backend": "adb", "serial": "R5", "benchmark_model": tool.name, "adb": str(tool)})
    said = []
    for run_id in (RUN, "another", RUN):
        values = {"data_root": str(tool.parent), "device_host": device}
        assert opened(launcher, run_id, **values) == 0
        said.append(found(launcher)["digest_device_host"])
    assert said[0] == said[2] != said[1]
    # This machine is told apart by nothing.
    assert opened(launcher, "third") == 0
    assert found(launcher)["digest_device_host"] == ""


@pytest.mark.parametrize(
    ("config", "values", "reason"),
    [
        (
            "frill144",
            {"data_root": "/nowhere"},
            "corpus.root: there is no folder '/nowhere/audioset'; accepted: a folder with segments CSVs",
        ),
        (
            "demo",
            {"teacher": "{kind: onnx, path: a.onnx}"},
            "teacher_training is given, but distillation.teacher does not use it",
        ),
        ("demo", {"teacher": "{kind: onnx"}, "parameter teacher: neither JSON nor YAML"),
        (
            "demo",
            {"device_host": "{backend: replay, report: old}"},
            "latency.devices.host.report: /data/old has no ",
        ),
    ],
)
def test_what_the_cluster_does_not_hold_is_refused_before_anything_is_recorded(
    launcher: Path,
    store: str,
    config: str,
    values: dict[str, str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert opened(launcher, config=config, **values) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("refused: OpenRun: ")
    assert reason in last
    assert not (launcher / "shared").exists()
    assert [one.name for one in MlflowClient(store).search_experiments()] == ["Default"]


def test_a_run_that_cannot_succeed_is_refused_before_anything_is_recorded(
    launcher: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_sources(launcher / "sources")
    places = {"data_root": str(root), "teacher_root": str(root)}
    hopeless = configuration(root, launcher, gate={"required_tasks": ["nosuch"]}, noss={"root": "noss"})
    assert opened(launcher, config=str(hopeless), **places) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("refused: OpenRun: ")
    assert "gate.required_tasks.0: 'nosuch' is none of the tasks whose sound is here" in last
    assert not (launcher / "shared").exists()
    assert [one.name for one in MlflowClient(store).search_experiments()] == ["Default"]

    assert opened(launcher, config=str(configuration(root, launcher)), **places) == 0
    assert (
        "INFO tinytrill.kubeflow: distillation.teacher: teacher answers with 3 dimensions"
        in capsys.readouterr().err
    )
