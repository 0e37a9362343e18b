"""Pushing to folders and to MLflow: what is there afterwards, and that nothing is doubled."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.frontier_gate.settings import Goal
from components.frontier_pusher import executor, folders, registry, tracking
from components.frontier_pusher.settings import PusherSettings
from components.mlflow_store import without_credentials
from schemas.reports import FrontierIndex, ModelDescription, PushReport
from schemas.verdicts import Verdict
from tests.components.frontier_pusher.conftest import SMALL, TINY, Scene

MakeScene = Callable[..., Scene]


def client_of(settings: PusherSettings) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def census(scene: Scene, settings: PusherSettings | None = None) -> dict[str, Any]:
    """Everything that could have been doubled."""
    settings = settings or scene.settings
    client = client_of(settings)
    experiment = client.get_experiment_by_name(settings.experiment)
    runs = client.search_runs([experiment.experiment_id])
    versions = client.search_model_versions(f"name = '{settings.registered_model}'")
    models = client.search_logged_models([experiment.experiment_id])
    return {
        "runs": sorted(run.data.tags[tracking.ROLE_TAG] for run in runs),
        "open": [run.info.run_name for run in runs if run.info.status != "FINISHED"],
        "versions": sorted(version.tags[registry.SHA256_TAG] for version in versions),
        "models": sorted(model.tags[registry.SHA256_TAG] for model in models),
        "epochs": sorted(len(client.get_metric_history(run.info.run_id, "training/loss")) for run in runs),
        "folders": sorted(
            p.parent.relative_to(scene.destination).as_posix()
            for p in scene.destination.rglob("model.tflite")
        ),
        "aliases": client.get_registered_model(settings.registered_model).aliases,
    }


def check_whole(scene: Scene, report: PushReport, settings: PusherSettings | None = None) -> None:
    found = census(scene, settings)
    verdict = Verdict.load(scene.inputs["verdict"][0].uri)
    shas = sorted(point.sha256 for point in verdict.blessed)
    assert len(shas) == 3
    assert found["runs"] == ["candidate", "candidate", "pipeline"]
    assert found["open"] == []
    assert found["versions"] == shas
    assert found["models"] == shas
    assert found["epochs"] == [0, 6, 6]
    assert found["folders"] == [
        f"{SMALL.candidate_id}/core-float32/1",
        f"{SMALL.candidate_id}/wave-float32/1",
        f"{TINY.candidate_id}/wave-float32/1",
    ]
    best = next(m for m in report.models if m.point_id == f"{SMALL.candidate_id}/wave-float32")
    assert str(found["aliases"]["candidate"]) == best.registered_version
    assert set(found["aliases"]) == {"candidate", "candidate-1", "candidate-2", "candidate-3"}
    assert len(set(found["aliases"].values())) == 3


def test_blessed_variants_and_only_they_are_pushed(scene: MakeScene) -> None:
    made = scene()
    report = made.push()
    check_whole(made, report)
    for model in report.models:
        folder = made.destination / model.folder
        assert sorted(path.name for path in folder.iterdir()) == [
            "NOTICE.txt",
            "golden.npz",
            "model.json",
            "model.tflite",
        ]
        description = ModelDescription.load(str(folder))
        assert folders.sha256_of(folder / "model.tflite") == model.sha256 == description.sha256
        assert (
            description.point.blessed
            and description.hop_samples == 15360
            and description.window_samples == 15600
        )
    index = FrontierIndex.load(str(made.destination))
    assert index.models == report.models
    assert not list((made.destination / folders.INCOMING).iterdir())


def test_runs_hold_parameters_metrics_and_files(scene: MakeScene) -> None:
    made = scene()
    report = made.push()
    client = client_of(made.settings)
    parent = client.get_run(report.parent_run_id)
    assert parent.data.metrics["blessed"] == 3
    assert parent.data.metrics["teacher/noss/mean"] == pytest.approx(0.8)
    assert {f.path for f in client.list_artifacts(report.parent_run_id, "verdict")} == {
        "verdict/verdict.json",
        "verdict/index.html",
        "verdict/frontier.png",
        "verdict/noss",
    }
    assert {f.path for f in client.list_artifacts(report.parent_run_id, "verdict/noss")} == {
        "verdict/noss/comparison.json",
        "verdict/noss/heat_map.png",
    }
    run_id = next(m.run_id for m in report.models if m.candidate_id == TINY.candidate_id)
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.parentRunId"] == report.parent_run_id
    assert run.data.params["architecture.size"] == "tiny" and run.data.params["embedding_width"] == "64"
    assert run.data.metrics["core-float32/noss/mean"] == pytest.approx(0.60)
    assert run.data.metrics["wave-float32/latency/p50_ms"] == pytest.approx(2.0)
    history = client.get_metric_history(run_id, "training/validation_loss")
    assert [metric.step for metric in history] == [1, 2, 3, 4, 5, 6]
    # The beaten core variant's file is not published.
    assert [f.path for f in client.list_artifacts(run_id, "tflite")] == ["tflite/wave-float32"]


def test_a_second_push_doubles_nothing(scene: MakeScene) -> None:
    made = scene()
    first = made.push()
    assert made.push() == first
    check_whole(made, first)


STEPS: list[tuple[Any, str]] = [
    (folders, "push"),
    (folders, "write_index"),
    (tracking.Tracker, "parent"),
    (tracking.Tracker, "candidate"),
    (tracking.Tracker, "log_parameters"),
    (tracking.Tracker, "log_metrics"),
    (tracking.Tracker, "log_file"),
    (tracking.Tracker, "finish"),
    (registry.Registry, "ensure_model"),
    (registry.Registry, "ensure_version"),
    (registry.Registry, "_ensure_logged_model"),
    (registry, "save_pyfunc"),
    (registry.Registry, "set_aliases"),
    (PushReport, "save"),
]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_killed_at_any_step_then_run_again(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str
) -> None:
    made = scene()
    original, calls = getattr(owner, name), 0

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        # The second call where there is one, so that a part is already done.
        if calls < 2 and name in (
            "push",
            "candidate",
            "log_file",
            "log_metrics",
            "ensure_version",
            "save_pyfunc",
        ):
            return original(*args, **kwargs)
        if when == "after":
            original(*args, **kwargs)
        raise KeyboardInterrupt(name)

    monkeypatch.setattr(owner, name, dies)
    with pytest.raises(KeyboardInterrupt):
        made.push()
    monkeypatch.setattr(owner, name, original)
    check_whole(made, made.push())


def test_registered_model_embeds(scene: MakeScene) -> None:
    import mlflow

    made = scene()
    made.push()
    mlflow.set_tracking_uri(made.settings.tracking_uri)
    model = mlflow.pyfunc.load_model("models:/tinytrill@candidate")
    clips = [np.full(8000, 0.5, np.float32), np.full(40000, 0.25, np.float32)]
    ragged = model.predict(clips)
    assert ragged.shape == (2, 8) and ragged.dtype == np.float32
    np.testing.assert_allclose(ragged[1], np.full(8, 0.25), rtol=1e-5)
    np.testing.assert_allclose(model.predict(clips[0]), ragged[:1])
    np.testing.assert_allclose(model.predict(np.stack([clips[0], clips[0]])), np.stack([ragged[0]] * 2))
    files = [
        path.name
        for path in Path(mlflow.artifacts.download_artifacts("models:/tinytrill@candidate")).rglob("*")
    ]
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]
    assert {"embedder.py", "model.tflite", "golden.npz", "model.json"} <= set(files)
    needed = mlflow.pyfunc.get_model_dependencies("models:/tinytrill@candidate", format="pip")
    assert [line.split("==")[0] for line in Path(needed).read_text().split()] == [
        "mlflow",
        "numpy",
        "ai-edge-litert",
    ]


def test_registered_model_answers_requests(scene: MakeScene) -> None:
    import mlflow
    from mlflow.pyfunc import scoring_server

    made = scene()
    made.push()
    mlflow.set_tracking_uri(made.settings.tracking_uri)
    model = mlflow.pyfunc.load_model("models:/tinytrill@candidate")
    folder = Path(mlflow.artifacts.download_artifacts("models:/tinytrill@candidate"))
    example = (folder / "serving_input_example.json").read_text()
    ragged = {"inputs": [[0.5] * 16_000, [0.25] * 9_000]}
    table = {"inputs": {"waveform": [[0.5] * 16_000], "sample_rate": [16_000]}}
    for body, clips in ((example, 1), (json.dumps(ragged), 2), (json.dumps(table), 1)):
        answer = scoring_server.invocations(
            body, "application/json", model, model.metadata.get_input_schema()
        )
        assert answer.status == 200
        assert np.shape(json.loads(answer.response)["predictions"]) == (clips, 8)


def test_new_verdict_makes_new_versions_but_no_new_folder(scene: MakeScene) -> None:
    made = scene()
    made.push()
    client = client_of(made.settings)
    client.set_registered_model_alias("tinytrill", "champion", "1")
    client.set_registered_model_alias("tinytrill", "candidate-9", "1")
    made.push(run_name="another-run")
    found = census(made)
    assert len(found["versions"]) == 6 and len(found["runs"]) == 6
    assert len(found["folders"]) == 3
    assert str(found["aliases"]["champion"]) == "1"
    assert set(found["aliases"]) == {"champion", "candidate", "candidate-1", "candidate-2", "candidate-3"}


def test_nothing_blessed_pushes_nothing(scene: MakeScene, caplog: pytest.LogCaptureFixture) -> None:
    made = scene(goals=(Goal(metric="latency_ms", limit=0.001),))
    report = made.push()
    assert report.models == []
    assert not made.destination.exists()
    client = client_of(made.settings)
    assert client.search_registered_models() == []
    assert len(client.search_runs([client.get_experiment_by_name("tinytrill").experiment_id])) == 3
    assert "nothing was pushed or registered: Nothing is blessed" in caplog.text
    assert "latency_ms at most 0.001 ms: missed by 4 of 4" in caplog.text


def test_a_file_that_was_not_judged_is_refused(scene: MakeScene) -> None:
    made = scene()
    Path(made.inputs["variants_001"][0].uri, "wave-float32.tflite").write_bytes(b"tampered")
    with pytest.raises(ValueError, match="is not the file that was judged"):
        made.push()
    assert not made.destination.exists()


def test_a_name_that_leaves_the_folder_is_refused(scene: MakeScene, tmp_path: Path) -> None:
    made = scene()
    path = Path(made.inputs["variants_000"][0].uri, "variants.json")
    path.write_text(path.read_text().replace('"wave-float32.tflite"', '"../../secret"'))
    with pytest.raises(ValueError, match=r"name '\.\./\.\./secret' .* is not accepted"):
        made.push()
    assert not made.destination.exists()


def test_half_written_version_is_not_taken_for_whole(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene()

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "_flush", dies)
    with pytest.raises(KeyboardInterrupt):
        made.push()
    assert not [p for p in made.destination.rglob("model.tflite") if folders.INCOMING not in p.parts]
    monkeypatch.undo()
    check_whole(made, made.push())


def test_credentials_are_neither_accepted_nor_shown() -> None:
    with pytest.raises(ValueError, match="tracking_uri holds credentials"):
        PusherSettings(tracking_uri="https://me:secret@mlflow.example")
    assert without_credentials("https://me:secret@mlflow.example/x") == "https://mlflow.example/x"


def test_no_store_is_an_error(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = scene()
    with pytest.raises(ValueError, match="no MLflow store"):
        made.push(made.settings.model_copy(update={"tracking_uri": ""}))


def test_run_key_is_of_name_and_verdict(tmp_path: Path) -> None:
    (tmp_path / Verdict.FILE).write_text("{}")
    key = executor.run_key("a", tmp_path)
    assert key == executor.run_key("a", tmp_path) != executor.run_key("b", tmp_path)
    (tmp_path / Verdict.FILE).write_text("{ }")
    assert key != executor.run_key("a", tmp_path)


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> Iterator[str]:
    """A real MLflow server: SQLite behind it, artifacts through its proxy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = tmp_path / "server"
    store.mkdir()
    (store / "mlflow.db").write_bytes(empty_store.read_bytes())
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--backend-store-uri",
            f"sqlite:///{store}/mlflow.db",
            "--artifacts-destination",
            str(store / "artifacts"),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, "the MLflow server ended"
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.slow
def test_against_a_real_server(scene: MakeScene, server: str) -> None:
    import mlflow

    made = scene()
    settings = made.settings.model_copy(update={"tracking_uri": server})
    report = made.push(settings)
    assert made.push(settings) == report
    check_whole(made, report, settings)
    mlflow.set_tracking_uri(server)
    clip = np.full(20000, 0.5, np.float32)
    np.testing.assert_allclose(
        mlflow.pyfunc.load_model("models:/tinytrill@candidate").predict(clip)[0], 0.5, rtol=1e-5
    )
    assert json.loads(report.model_dump_json())["tracking_uri"] == server
