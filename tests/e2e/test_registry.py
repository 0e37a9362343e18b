"""A run whose MLflow server goes away while a student trains, and what it registers when it is back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.layout import RunLayout
from schemas.push_reports import FrontierIndex
from tests.e2e.runs import PLAIN, SKIPPING, SMALL, Finished, run, run_and_act
from tests.fork_server import run_python
from tests.mlflow_server import MlflowServer

pytestmark = pytest.mark.slow

OVERRIDES = (*SMALL, f"students={{explicit: [{PLAIN}, {SKIPPING}]}}")
CANDIDATES = ("tiny-w0.25-gap-e32", "tiny-w0.25-flatten-e32-stat")
MODEL = "tinytrill-host"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow") / "server", empty_store) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "run"


@pytest.fixture(scope="module")
def while_down(folder: Path, server: MlflowServer) -> Finished:
    """The run: its server is killed at the end of the first student's first epoch."""
    return run_and_act(
        f"{CANDIDATES[0]}: epoch 2/",
        lambda group: server.kill(),
        "demo",
        "--output",
        str(folder),
        overrides=OVERRIDES,
        env={"MLFLOW_TRACKING_URI": server.uri},
    )


@pytest.fixture(scope="module")
def synced(folder: Path, server: MlflowServer, while_down: Finished) -> Finished:
    assert while_down.code == 4, while_down.err
    server.start()
    return run("lineage", "sync", "--output", str(folder))


@pytest.fixture(scope="module")
def promoted(server: MlflowServer, synced: Finished) -> Finished:
    assert synced.code == 0, synced.err
    return promote(server, "1", "the first")


def promote(server: MlflowServer, version: str, why: str, *more: str) -> Finished:
    arguments = ("promote", MODEL, version, "--why", why, "--yes", "--tracking-uri", server.uri, *more)
    return run(*arguments)


def client(server: MlflowServer) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server.uri, registry_uri=server.uri)


def runs_by_role(server: MlflowServer) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    experiment = client(server).get_experiment_by_name("tinytrill")
    for one in client(server).search_runs([experiment.experiment_id]):
        found.setdefault(one.data.tags["tinytrill.role"], []).append(one)
    return found


def test_a_dead_server_stops_no_run(folder: Path, while_down: Finished) -> None:
    assert while_down.code == 4, while_down.err
    last = while_down.out.splitlines()[-1]
    assert last.startswith("not registered: ")
    assert "lineage sync --output" in last
    assert FrontierIndex.load(str(folder / "pushed")).models
    assert list((folder / "outbox").iterdir())


def test_what_was_kept_is_sent(folder: Path, server: MlflowServer, synced: Finished) -> None:
    assert synced.code == 0, synced.err
    assert not list((folder / "outbox").iterdir())
    runs = runs_by_role(server)
    (parent,) = runs["pipeline"]
    assert parent.info.status == "FINISHED"
    assert {one.data.tags["tinytrill.candidate"] for one in runs["candidate"]} == set(CANDIDATES)
    assert {one.data.tags["mlflow.parentRunId"] for one in runs["candidate"]} == {parent.info.run_id}
    versions = client(server).search_model_versions(f"name = '{MODEL}'")
    models = FrontierIndex.load(str(folder / "pushed")).models
    assert sorted(v.tags["tinytrill.sha256"] for v in versions) == sorted(m.sha256 for m in models)
    assert {r.version for m in models for r in m.registrations} == {str(v.version) for v in versions}


def test_each_epoch_is_there_once(server: MlflowServer, synced: Finished) -> None:
    for one in runs_by_role(server)["candidate"]:
        history = client(server).get_metric_history(one.info.run_id, "training/loss")
        assert [point.step for point in history] == list(range(1, len(history) + 1))
        assert len(history) == 4


def test_sending_again_changes_nothing(folder: Path, server: MlflowServer, synced: Finished) -> None:
    before = {role: len(runs) for role, runs in runs_by_role(server).items()}
    again = run("lineage", "sync", "--output", str(folder))
    assert again.code == 0, again.err
    repeated = run(
        "demo",
        "--output",
        str(folder),
        overrides=OVERRIDES,
        env={"MLFLOW_TRACKING_URI": server.uri},
    )
    assert repeated.code == 0, repeated.err
    after = runs_by_role(server)
    # The registry was asked after all, so the gate may have judged again; nothing else is new.
    assert len(after["candidate"]) <= 2 * before["candidate"]
    assert len(client(server).search_model_versions(f"name = '{MODEL}'")) == len(
        FrontierIndex.load(str(folder / "pushed")).models
    )


def test_a_promotion_is_checked_and_written_down(server: MlflowServer, promoted: Finished) -> None:
    assert promoted.code == 0, promoted.err
    assert promoted.err == ""
    version = client(server).get_model_version_by_alias(MODEL, "champion")
    assert str(version.version) == "1"
    assert version.tags["tinytrill.promoted_why"] == "the first"
    assert "1 is champion already" in promote(server, "1", "once more").out
    policy = ("--config", "demo", "--set", "gate.goals=[{metric: bytes, limit: 1}]")
    refused = promote(server, "2", "too large", *policy)
    assert refused.code == 2, refused.out + refused.err
    assert "goals: " in refused.err
    assert str(client(server).get_model_version_by_alias(MODEL, "champion").version) == "1"


LOAD = f"""
import mlflow, numpy
tone = numpy.sin(2 * numpy.pi * 440 * numpy.arange(48_000) / 48_000)
model = mlflow.pyfunc.load_model("models:/{MODEL}@champion")
embedding = numpy.asarray(model.predict({{"waveform": [tone.tolist()], "sample_rate": [48_000]}}))
print(embedding.shape, numpy.isfinite(embedding).all())
"""


def test_a_champion_answers_from_the_registry(server: MlflowServer, promoted: Finished) -> None:
    # In a process of its own: MLflow's default store is the process's.
    done = run_python("-c", LOAD, env={**os.environ, "MLFLOW_TRACKING_URI": server.uri})
    assert done.stdout.strip() == "(1, 32) True", done.stderr


def test_a_pulled_model_is_the_one_that_was_judged(
    folder: Path, server: MlflowServer, promoted: Finished, tmp_path: Path
) -> None:
    place = tmp_path / "models"
    pulled = run("pull", f"{MODEL}@champion", str(place), "--for", "watch-app 3.2",
                 "--tracking-uri", server.uri)  # fmt: skip
    assert pulled.code == 0, pulled.err
    assert {"model.tflite", "MODEL_CARD.md", "example.py", "golden.npz"} <= {p.name for p in place.iterdir()}
    shown = run("lineage", str(place / "model.tflite"), "--json", "--tracking-uri", server.uri)
    assert shown.code == 0, shown.err
    assert "watch-app 3.2" in shown.out
    assert json.loads(shown.out)


def test_lineage_leads_from_the_champion_to_the_sound(server: MlflowServer, promoted: Finished) -> None:
    shown = run("lineage", f"{MODEL}@champion", "--tracking-uri", server.uri)
    assert shown.code == 0, shown.err
    for station in ("AudioIngest", "TeacherEmbedder", "StudentTrainer", "FrontierGate"):
        assert station in shown.out


def test_the_report_has_versions_and_lineage(folder: Path, synced: Finished) -> None:
    layout = RunLayout(folder)
    assert (layout.report / "lineage.html").is_file()
    shown = run("report", "--output", str(folder))
    assert shown.code == 0, shown.err
    assert f"{MODEL} v1" in shown.out
