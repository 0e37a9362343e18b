"""What MLflow is told of a run: all of it is written down before any store is asked."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.common.package import folders
from components.common.package.serving import SCRIPT
from components.common.tracking.names import (
    DEVICE_TAG,
    FILES_TAG,
    GATE_TAG,
    SHA256_TAG,
    VERDICT_DIGEST_TAG,
    VERDICT_SHA256_TAG,
)
from components.common.tracking.registration import in_alias_order
from components.frontier_pusher import record
from schemas.ingest_reports import IngestReport
from schemas.run_context import Provenance, RunContext
from schemas.run_records import RecordedRun, RecordedVersion
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import RegisteredPoint, Standing, Verdict
from tests.made_up_runs import make_run
from tests.pushed_runs import BLESSED, SMALL, TINY, Scene, make_scene

PIPELINE = RunContext(
    run_key="0123",
    run_name="test-run",
    tracking_uri="sqlite:///elsewhere",
    experiment="tinytrill",
    parent_run_id="opened",
    provenance=Provenance(code_version="c" * 40, packages={"numpy": "2.0"}),
)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Its files hold made-up bytes, and there is no store."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", RunContext.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return make_scene(tmp_path)


def places(run: RecordedRun) -> list[str]:
    """Where a run's files go; each is there to be sent."""
    assert all(Path(file.path).is_absolute() and Path(file.path).is_file() for file in run.files)
    return sorted((Path(file.folder) / Path(file.path).name).as_posix() for file in run.files)


def content(run: RecordedRun, name: str) -> str:
    (file,) = [file for file in run.files if Path(file.path).name == name]
    return Path(file.path).read_text()


def metrics(run: RecordedRun) -> dict[str, float]:
    return {point.name: point.value for point in run.metrics}


def test_the_pipelines_run(scene: Scene) -> None:
    made = scene.record()
    assert places(made.parent) == [
        "config.json",
        "config.yaml",
        "ml_metadata.json",
        "reports/corpus/ingest_report.json",
        "reports/distillation_set.json",
        "reports/host/latency_report.json",
        "reports/tasks/ingest_report.json",
        "reports/teacher/noss_report.json",
        "verdict/frontier.png",
        "verdict/index.html",
        "verdict/noss/comparison.json",
        "verdict/verdict.json",
    ]
    assert json.loads(content(made.parent, "config.json")) == {"seed": 1}
    assert yaml.safe_load(content(made.parent, "config.yaml")) == {"seed": 1}
    ingested = {
        file.folder: Path(file.path) for file in made.parent.files if file.path.endswith("ingest_report.json")
    }
    assert {folder: IngestReport.load(path.parent).source for folder, path in ingested.items()} == {
        "reports/corpus": "sound/corpus",
        "reports/tasks": "sound/noss",
    }
    figures = metrics(made.parent)
    assert (figures["blessed"], figures["host/points"], figures["host/closed"]) == (3, 4, 0)
    assert figures["teacher/noss/mean"] == pytest.approx(0.8)
    assert made.parent.parameters == {
        "synthetic": "True",
        "teacher": "a made-up teacher",
        "teacher_digest": "t" * 64,
        "teacher_licence": "Apache-2.0",
        "host/name": "Test CPU",
        "host/runtime": "LiteRT 2.3.0",
        "host/is_device": "False",
    }
    verdict_json = Path(scene.inputs["verdict"][0].uri) / Verdict.FILE
    assert made.parent.tags == {
        GATE_TAG: "open",
        VERDICT_DIGEST_TAG: made.verdict_digest,
        VERDICT_SHA256_TAG: folders.sha256_of(verdict_json),
    }
    assert (made.parent.name, made.parent.status) == ("test-run", "FINISHED")
    assert scene.record(config="").parent.files[-1].path.endswith("ml_metadata.json")
    assert not [place for place in places(scene.record(config="").parent) if "config" in place]


def test_a_candidates_run(scene: Scene) -> None:
    tiny = scene.record().candidates[TINY.candidate_id]
    assert places(tiny) == [
        "ml_metadata.json",
        "reports/noss_report.json",
        "reports/student.json",
        "reports/variants.json",
        "tflite/wave-float32/MODEL_CARD.md",
        "tflite/wave-float32/wave-float32.tflite",
    ]
    assert tiny.parameters["architecture.size"] == "tiny" and tiny.parameters["embedding_width"] == "64"
    assert (tiny.parameters["front_end.mels"], tiny.parameters["front_end.hop_samples"]) == ("64", "160")
    figures = metrics(tiny)
    assert figures["core-float32/noss/mean"] == pytest.approx(0.60)
    assert figures["wave-float32/latency/host/p50_ms"] == pytest.approx(2.0)
    # What the device does not report is not a metric.
    assert "wave-float32/latency/host/front_end_ms" not in figures
    losses = [point for point in tiny.metrics if point.name == "training/validation_loss"]
    assert [(point.step, point.second) for point in losses] == [(i, 4.0 * i) for i in range(1, 7)]
    assert (tiny.tags, tiny.status) == ({}, "FINISHED")


def test_a_candidate_that_failed_says_why(scene: Scene) -> None:
    folder = scene.inputs["student_001"][0].uri
    StudentInfo.load(folder).model_copy(update={"failure": "the loss is not finite"}).save(folder)
    made = scene.record()
    failed = made.candidates[TINY.candidate_id]
    assert (failed.status, failed.tags) == ("FAILED", {"tinytrill.failure": "the loss is not finite"})
    assert made.candidates[SMALL.candidate_id].status == made.parent.status == "FINISHED"


def test_a_candidate_that_a_search_left_out_has_not_failed(scene: Scene) -> None:
    folder = scene.inputs["student_001"][0].uri
    why = "left out by the search: another promises as much for less"
    StudentInfo.load(folder).model_copy(update={"failure": why, "left_out": True}).save(folder)
    left = scene.record().candidates[TINY.candidate_id]
    assert (left.status, left.tags) == ("FINISHED", {"tinytrill.search": why})


def test_a_closed_gate_is_a_failed_run(tmp_path: Path) -> None:
    made = make_scene(tmp_path, closed={"host": ["no budget is kept", "hot"]}).record()
    assert made.parent.status == "FAILED" and made.versions == []
    assert made.parent.tags[GATE_TAG] == "closed: host: no budget is kept; host: hot"


@pytest.mark.parametrize(
    ("publish", "expected"),
    [
        ("blessed", {SMALL: ["wave-float32"]}),
        ("frontier", {SMALL: ["wave-float32"], TINY: ["wave-float32"]}),
        ("all", {SMALL: ["core-float32", "wave-float32"], TINY: ["core-float32", "wave-float32"]}),
    ],
)
def test_files_are_published_as_asked(tmp_path: Path, publish: str, expected: dict[Any, list[str]]) -> None:
    scene = make_scene(tmp_path, blessed={"host": BLESSED[:1]})
    folder = scene.inputs["verdict"][0].uri
    (device,) = scene.verdict.devices
    points = [
        point.model_copy(update={"on_frontier": point.point_id in (BLESSED[0], BLESSED[2])})
        for point in device.points
    ]
    device = device.model_copy(update={"points": points})
    scene.verdict.model_copy(update={"devices": [device]}).save(folder)
    # A file that could not be made cannot be stored.
    variants = TfliteReport.load(scene.inputs["variants_001"][0].uri)
    absent = variants.variants[0].model_copy(update={"name": "wave-int8", "file": "", "accepted": False})
    variants.model_copy(update={"variants": [*variants.variants, absent]}).save(
        scene.inputs["variants_001"][0].uri
    )
    made = scene.record(scene.settings.model_copy(update={"publish": publish}))
    for spec in (SMALL, TINY):
        found = [place for place in places(made.candidates[spec.candidate_id]) if place.endswith(".tflite")]
        assert found == [f"tflite/{name}/{name}.tflite" for name in expected.get(spec, [])]


def test_data_sets(scene: Scene) -> None:
    made = scene.record()
    assert [(data.name, data.context, data.digest) for data in made.parent.datasets] == [
        ("corpus", "corpus", "c" * 36),
        ("distillation_set", "distillation", "w" * 36),
        *(
            (f"noss/{task}", "evaluation", hashlib.sha256(task.encode()).hexdigest()[:36])
            for task in ("language", "speaker", "keyword")
        ),
    ]
    corpus, distillation, language, *_ = made.parent.datasets
    assert corpus.source == "sound/corpus"
    assert corpus.profile == {"clips": 10, "hours": pytest.approx(0.6), "synthetic": "true"}
    assert distillation.source == scene.inputs["windows"][0].uri
    assert distillation.profile["teacher_digest"] == "t" * 64
    assert language.source == "sound/noss"
    assert language.profile["clips"] == 210 and language.profile["test_clips"] == 60
    assert made.candidates[TINY.candidate_id].datasets == [distillation]


def test_data_without_a_digest_is_no_data_set(scene: Scene) -> None:
    path = Path(scene.inputs["windows"][0].uri, "distillation_set.json")
    path.write_text(path.read_text().replace('"digest": "' + "w" * 64, '"digest": "'))
    made = scene.record()
    assert "distillation_set" not in [data.name for data in made.parent.datasets]
    assert made.candidates[TINY.candidate_id].datasets == []


def test_each_run_names_its_artifacts(scene: Scene) -> None:
    made = scene.record()
    pipeline = json.loads(content(made.parent, "ml_metadata.json"))
    assert sorted(pipeline) == ["latency_000", "source_000", "source_001", "teacher", "verdict", "windows"]
    for name, told in pipeline.items():
        artifact = scene.inputs[name][0]
        assert told == {"id": artifact.id, "uri": artifact.uri, "type": artifact.type_name}
    of_tiny = json.loads(content(made.candidates[TINY.candidate_id], "ml_metadata.json"))
    assert {name: told["id"] for name, told in of_tiny.items()} == {
        name: scene.inputs[f"{name}_001"][0].id for name in ("variants", "student", "noss")
    }


def test_a_version_a_device_of_one_folder(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
    made = scene.record()
    assert [(one.registered_model, one.device, one.description.point_id) for one in made.versions] == [
        ("tinytrill-phone", "phone", BLESSED[0]),
        ("tinytrill-host", "host", BLESSED[0]),
        ("tinytrill-host", "host", BLESSED[1]),
    ]
    phone, host, _ = made.versions
    assert phone.folder == host.folder and phone.description == host.description
    assert [model.devices for model in made.models] == [["phone", "host"], ["host"]]
    for version, ms in ((phone, "5"), (host, "10")):
        assert version.tags["tinytrill.latency_p50_ms"] == ms
        assert version.tags[DEVICE_TAG] == version.device
        standing = Standing.model_validate_json(version.tags[Standing.TAG])
        assert standing.machine.profile == version.device and standing.point.goals == []
        assert f"{ms} ms p50 on {version.device}" in version.text
    assert (phone.tags["tinytrill.is_device"], host.tags["tinytrill.is_device"]) == ("true", "false")
    assert "phone (Test Phone, device)" in phone.text and "(Test CPU, host, not a device)" in host.text
    files = json.loads(host.tags[FILES_TAG])
    assert files.pop("embedder.py") == folders.sha256_of(Path(SCRIPT))
    assert files == folders.file_digests(Path(host.folder))
    assert files["model.tflite"] == host.tags[SHA256_TAG] == host.description.sha256
    assert host.tags[VERDICT_SHA256_TAG] == made.parent.tags[VERDICT_SHA256_TAG]


def test_what_a_model_is_made_from(scene: Scene) -> None:
    description = scene.record().versions[0].description
    assert description.licences.teacher == "Apache-2.0"
    assert description.licences.corpus == {"corpus": "CC BY 4.0"}
    assert description.licences.tasks == {"language": "", "speaker": "CC BY-NC 4.0", "keyword": ""}
    assert description.clips == 10 and description.hours == pytest.approx(0.6)


def test_a_corpus_whose_licence_nobody_stated_is_named_all_the_same(scene: Scene) -> None:
    for name in ("source_000", "source_001"):
        path = Path(scene.inputs.pop(name)[0].uri)
        assert path.is_dir()
    licences = scene.record().versions[0].description.licences
    assert licences.corpus == {"corpus": ""} and set(licences.tasks.values()) == {""}


def test_the_pipeline_says_which_run_it_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = scene.record()
    assert (alone.parent_run_id, alone.given_run_id, alone.provenance) == ("", "", None)
    monkeypatch.setenv(RunContext.VARIABLE, PIPELINE.model_dump_json())
    monkeypatch.setenv("MLFLOW_RUN_ID", "given")
    made = scene.record()
    assert (made.run_key, made.parent_run_id, made.given_run_id) == ("0123", "opened", "given")
    assert made.provenance == PIPELINE.provenance
    assert made.parent.parameters["package/numpy"] == "2.0"
    assert {version.description.run_key for version in made.versions} == {"0123"}
    assert made.verdict_digest == alone.verdict_digest


def test_credentials_of_the_environment_stay_there(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:s3cret@mlflow.example/x")
    made = scene.record(scene.settings.model_copy(update={"tracking_uri": ""}))
    assert made.tracking_uri == "https://mlflow.example/x"
    assert "s3cret" not in made.model_dump_json()


def test_no_store_is_an_error(scene: Scene) -> None:
    with pytest.raises(ValueError, match="no MLflow store: tracking_uri is empty and MLFLOW_TRACKING_URI"):
        scene.record(scene.settings.model_copy(update={"tracking_uri": ""}))


def test_the_digest_is_of_the_decision(scene: Scene) -> None:
    verdict = scene.verdict
    digest = verdict.digest
    assert digest != verdict.model_copy(update={"synthetic": False}).digest
    # What is registered is not a part of it: the push itself adds to it.
    (device,) = verdict.devices
    beside = RegisteredPoint(
        registered_model="tinytrill-host",
        version="1",
        aliases=[],
        run_name="b",
        competes=False,
        **device.points[0].model_dump(include=set(RegisteredPoint.model_fields) - {"reason"}),
    )
    later = verdict.model_copy(update={"devices": [device.model_copy(update={"registered": [beside]})]})
    assert digest == later.digest
    assert record.run_key_of("a", verdict) == record.run_key_of("a", later) != record.run_key_of("b", verdict)


def test_the_same_run_is_the_same_record(scene: Scene) -> None:
    assert scene.record() == scene.record()


def test_no_store_is_asked() -> None:
    for name in ("record", "inputs", "origin", "candidates", "metrics", "tags"):
        path = Path(record.__file__).with_name(f"{name}.py")
        imported = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not [module for module in imported if module and "mlflow" in module]
        assert "components.common.tracking.tracker" not in imported


def test_a_version_tells_what_it_is_held_against_and_what_it_cost(scene: Scene) -> None:
    description = scene.record().versions[0].description
    assert [one.kind for one in description.references] == ["teacher"]
    assert set(description.teacher_tasks) == {task.task for task in description.quality.tasks}
    embedding, training = description.costs
    assert embedding.stage.startswith("the teacher's answers") and embedding.cpu_hours is None
    assert training.stage.startswith("training of this student, ") and training.hours > 0
    # The made-up student is of before processor time was measured.
    assert training.cpu_hours is None


def test_the_recommended_version_gets_the_alias_before_a_better_one(scene: Scene) -> None:
    versions = scene.record().versions
    assert [one.description.point_id for one in in_alias_order(versions)] == [
        BLESSED[0],
        BLESSED[2],
        BLESSED[1],
    ]
    recommended = [
        one.model_copy(
            update={"description": one.description.model_copy(update={"recommended_on": ["host"]})}
        )
        if one.description.point_id in (BLESSED[2], BLESSED[1])
        else one
        for one in versions
    ]
    # Waveform files stay first; the other file is recommended for its own input only.
    assert [one.description.point_id for one in in_alias_order(recommended)] == [
        BLESSED[2],
        BLESSED[0],
        BLESSED[1],
    ]


def test_on_a_board_the_cheaper_of_equal_quality_gets_the_alias(scene: Scene) -> None:
    """There is no latency to put the versions in order by."""
    (version, *_) = scene.record().versions
    (machine,) = make_run({}, devices={"board": 1.0}).latencies

    def on_board(name: str, mega_macs: float, recommended: bool = False) -> RecordedVersion:
        blessing = version.description.blessings[0]
        untimed = {"latency_ms": None, "latency_ratio": None, "mega_macs": mega_macs, "arena_kib": 1.0}
        point = blessing.point.model_copy(update={"point_id": name, "input": "core", **untimed})
        told = blessing.model_copy(
            update={"machine": machine.machine.model_copy(update={"profile": version.device}), "point": point}
        )
        description = version.description.model_copy(
            update={
                "blessings": [told],
                "point_id": name,
                "recommended_on": [version.device] if recommended else [],
            }
        )
        return version.model_copy(update={"description": description})

    versions = [on_board("dear", 5.0), on_board("cheap", 2.0), on_board("chosen", 9.0, recommended=True)]
    assert [one.description.point_id for one in in_alias_order(versions)] == ["chosen", "cheap", "dear"]
