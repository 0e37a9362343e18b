"""The last task of a run: what is in MLflow, and how the run ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from infra.kubeflow.close_run import main
from infra.kubeflow.run_context import keep
from schemas.run_context import Provenance, RunContext
from tests.infra.kubeflow.executor_inputs import executor_input

pytestmark = pytest.mark.slow


def ended(launcher: Path, closed: str) -> int:
    task = executor_input(launcher, parameters={"closed": closed})
    return main(["--task", task, "--run-id", "run", "--run-folder", str(launcher / "shared")])


@pytest.fixture
def run(launcher: Path, empty_store: Path) -> tuple[MlflowClient, str]:
    """A run that the first task opened, and nobody ended: the pusher was answered from the cache."""
    shutil.copy(empty_store, launcher / "mlflow.db")
    store = f"sqlite:///{launcher}/mlflow.db"
    client = MlflowClient(store)
    run_id = client.create_run(client.create_experiment("e")).info.run_id
    context = RunContext(
        run_key="run",
        run_name="demo",
        tracking_uri=store,
        experiment="e",
        parent_run_id=run_id,
        provenance=Provenance(code_version="c"),
    )
    keep(context, launcher / "shared", "run")
    return client, run_id


def test_an_open_gate_is_a_success(launcher: Path, run: tuple[MlflowClient, str]) -> None:
    client, run_id = run
    assert ended(launcher, "") == 0
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_closed_gate_fails_the_run_with_the_reason(
    launcher: Path, run: tuple[MlflowClient, str], capsys: pytest.CaptureFixture[str]
) -> None:
    client, run_id = run
    assert ended(launcher, "the gate is closed:\n  phone: no latency\npushed anyway: a/b for host") == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        "closed: CloseRun: the gate is closed:; phone: no latency; pushed anyway: a/b for host"
    )
    assert client.get_run(run_id).info.status == "FAILED"


def test_without_a_shared_folder_there_is_nobody_to_tell(launcher: Path) -> None:
    assert ended(launcher, "") == 0
    assert ended(launcher, "closed") == 3
