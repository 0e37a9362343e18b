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

from components.frontier_pusher import executor, folders, registry, tracking
from components.frontier_pusher.closed import GateClosed
from components.frontier_pusher.links import seen_from_report
from components.frontier_pusher.settings import PusherSettings
from components.tracking.registered import registered_versions
from components.tracking.stores import without_credentials
from schemas.reports import FrontierIndex, ModelDescription, PushReport
from schemas.verdicts import RegisteredPoint, Verdict
from tests.pushed_runs import BLESSED, SMALL, TINY, Scene

# Whole components are executed here.
pytestmark = pytest.mark.slow

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
    shas = sorted({point.sha256 for _, point in verdict.blessed})
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
        (blessing,) = description.blessings
        assert blessing.point.blessed and blessing.machine.profile == "host"
        assert description.hop_samples == 15360 and description.window_samples == 15600
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
        "verdict/links.js",
        "verdict/noss",
    }
    assert {f.path for f in client.list_artifacts(report.parent_run_id, "verdict/noss")} == {
        "verdict/noss/comparison.json",
    }
    assert [f.path for f in client.list_artifacts(report.parent_run_id, "reports/host")] == [
        "reports/host/latency_report.json"
    ]
    run_id = next(m.run_id for m in report.models if m.candidate_id == TINY.candidate_id)
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.parentRunId"] == report.parent_run_id
    assert run.data.params["architecture.size"] == "tiny" and run.data.params["embedding_width"] == "64"
    assert run.data.metrics["core-float32/noss/mean"] == pytest.approx(0.60)
    assert run.data.metrics["wave-float32/latency/host/p50_ms"] == pytest.approx(2.0)
    # What the device does not tell is no metric.
    assert "wave-float32/latency/host/front_end_ms" not in run.data.metrics
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
    (tracking.Tracker, "tag_gate"),
    (tracking.Tracker, "finish"),
    (executor, "write_links"),
    (registry.Registry, "ensure_model"),
    (registry.Registry, "ensure_version"),
    (registry.Registry, "_ensure_logged_model"),
    (registry, "save_pyfunc"),
    (registry.Registry, "set_aliases"),
    (PushReport, "save"),
]


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


def test_a_variant_blessed_on_two_devices_is_pushed_and_registered_once(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
    report = made.push()
    assert {model.point_id: model.devices for model in report.models} == {
        BLESSED[0]: ["phone", "host"],
        BLESSED[1]: ["host"],
    }
    wave = next(model for model in report.models if model.point_id == BLESSED[0])
    description = ModelDescription.load(str(made.destination / wave.folder))
    assert [(b.machine.profile, b.point.latency_ms) for b in description.blessings] == [
        ("phone", 5.0),
        ("host", 10.0),
    ]
    tags = client_of(made.settings).get_model_version("tinytrill", wave.registered_version).tags
    assert tags["tinytrill.devices"] == "phone, host"
    assert tags["tinytrill.latency_p50_ms.phone"] == "5" and tags["tinytrill.latency_p50_ms.host"] == "10"
    assert tags["tinytrill.is_device.phone"] == "true" and tags["tinytrill.is_device.host"] == "false"


def test_a_pushed_version_can_compete_again(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
    made.push()
    verdict = Verdict.load(made.inputs["verdict"][0].uri)
    found = registered_versions(made.settings.tracking_uri, "tinytrill")
    assert {(one.standing.point.point_id, one.standing.machine) for one in found} == {
        (point.point_id, device.machine) for device, point in verdict.blessed
    }
    best = next(one for one in found if "candidate" in one.aliases)
    assert best.standing.point.point_id == BLESSED[0]
    assert best.standing.point.goals == []
    assert best.standing.reference_sha256 == verdict.reference_sha256
    assert best.standing.benchmark_digest == verdict.benchmark_digest


def links_of(path: Path) -> dict[str, Any]:
    text = path.read_text().removeprefix("window.tinytrillLinks = ").removesuffix(";\n")
    read: dict[str, Any] = json.loads(text)
    return read


def test_links_lead_to_runs_versions_and_folders(scene: MakeScene) -> None:
    made = scene()
    report = made.push()
    links = links_of(made.output / Verdict.LINKS)
    assert links["store"] == made.settings.tracking_uri
    assert len(links["points"]) == 4
    model = report.models[0]
    # A SQLite store has no pages; the report lies beside the folder of the pushed versions.
    assert links["points"][model.point_id] == {
        "run_id": model.run_id,
        "run": "",
        "version": f"tinytrill v{model.registered_version}",
        "registry": "",
        "folder": f"../pushed/{model.folder}",
    }
    beaten = links["points"][f"{TINY.candidate_id}/core-float32"]
    assert beaten["run_id"] and not beaten["version"] and not beaten["folder"]


def test_pushed_folders_as_seen_from_the_report() -> None:
    output = Path("/runs/demo/artifacts/FrontierPusher/pushed/7")
    assert seen_from_report(Path("/runs/demo/pushed/a/b/1"), output) == "../pushed/a/b/1"
    assert seen_from_report(Path("/runs/elsewhere/a/b/1"), output) == "/runs/elsewhere/a/b/1"


def test_a_closed_gate_fails_after_all_else_is_done(scene: MakeScene) -> None:
    made = scene(blessed={"phone": BLESSED, "host": BLESSED}, closed={"phone": ["no budget is kept", "hot"]})
    with pytest.raises(GateClosed) as error:
        made.push()
    assert str(error.value).splitlines()[:3] == [
        "the gate is closed:",
        "  phone: no budget is kept",
        "  phone: hot",
    ]
    assert f"{BLESSED[0]} for host" in str(error.value)
    kept = PushReport.load(str(error.value.folder))
    assert [model.devices for model in kept.models] == [["host"]] * 3
    assert (error.value.folder / Verdict.LINKS).is_file()
    found = census(made)
    assert len(found["versions"]) == len(found["folders"]) == 3
    assert found["open"] == ["test-run"]
    parent = client_of(made.settings).get_run(kept.parent_run_id)
    assert parent.info.status == "FAILED"
    assert parent.data.tags[tracking.GATE_TAG] == "closed: phone: no budget is kept; phone: hot"
    assert parent.data.metrics["phone/closed"] == 1 and parent.data.metrics["host/closed"] == 0
    # The retry finds everything and fails in the same way.
    with pytest.raises(GateClosed):
        made.push()
    assert census(made) == found


@pytest.mark.parametrize("closed", [{"host": ["no point meets all goals"]}, {}])
def test_nothing_blessed_pushes_nothing_and_fails(scene: MakeScene, closed: dict[str, list[str]]) -> None:
    made = scene(blessed={"host": ()}, closed=closed)
    with pytest.raises(
        GateClosed, match="no point meets all goals" if closed else "a made-up verdict"
    ) as error:
        made.push()
    assert "pushed anyway: nothing" in str(error.value)
    assert PushReport.load(str(error.value.folder)).models == []
    assert not made.destination.exists()
    client = client_of(made.settings)
    assert client.search_registered_models() == []
    assert len(client.search_runs([client.get_experiment_by_name("tinytrill").experiment_id])) == 3


def test_a_file_that_was_not_judged_is_refused(scene: MakeScene) -> None:
    made = scene()
    Path(made.inputs["variants_001"][0].uri, "wave-float32.tflite").write_bytes(b"tampered")
    with pytest.raises(ValueError, match="is not the file that was judged"):
        made.push()
    assert not made.destination.exists()


def test_devices_that_judged_different_files_are_refused(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": [BLESSED[0]]})
    folder = Path(made.inputs["verdict"][0].uri)
    verdict = Verdict.load(folder)
    phone, host = verdict.devices
    other = [point.model_copy(update={"sha256": "f" * 64}) for point in phone.points]
    phone = phone.model_copy(update={"points": other})
    verdict.model_copy(update={"devices": [phone, host]}).save(folder)
    with pytest.raises(ValueError, match=rf"{BLESSED[0]} is another file on each device"):
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


def test_run_key_is_of_name_and_decision(scene: MakeScene) -> None:
    verdict = Verdict.load(scene().inputs["verdict"][0].uri)
    key = executor.run_key("a", verdict)
    assert key == executor.run_key("a", verdict) != executor.run_key("b", verdict)
    assert key != executor.run_key("a", verdict.model_copy(update={"synthetic": False}))
    # What is registered is not: the push itself adds to it.
    (device,) = verdict.devices
    beside = RegisteredPoint(
        registered_model="tinytrill",
        version="1",
        aliases=[],
        run_name="b",
        competes=False,
        **device.points[0].model_dump(include=set(RegisteredPoint.model_fields) - {"reason"}),
    )
    later = verdict.model_copy(update={"devices": [device.model_copy(update={"registered": [beside]})]})
    assert key == executor.run_key("a", later)


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


def test_against_a_real_server(scene: MakeScene, server: str) -> None:
    import mlflow

    made = scene()
    settings = made.settings.model_copy(update={"tracking_uri": server})
    report = made.push(settings)
    assert made.push(settings) == report
    links = links_of(made.output / Verdict.LINKS)["points"][report.models[0].point_id]
    experiment = client_of(settings).get_run(report.parent_run_id).info.experiment_id
    assert links["run"] == f"{server}/#/experiments/{experiment}/runs/{report.models[0].run_id}"
    version = report.models[0].registered_version
    assert links["registry"] == f"{server}/#/models/tinytrill/versions/{version}"
    found = registered_versions(server, "tinytrill")
    assert {one.version for one in found} == {model.registered_version for model in report.models}
    check_whole(made, report, settings)
    mlflow.set_tracking_uri(server)
    clip = np.full(20000, 0.5, np.float32)
    np.testing.assert_allclose(
        mlflow.pyfunc.load_model("models:/tinytrill@candidate").predict(clip)[0], 0.5, rtol=1e-5
    )
    assert json.loads(report.model_dump_json())["tracking_uri"] == server
