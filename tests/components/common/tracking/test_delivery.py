"""What is written beside a run when it is known what became of it: links, the report, the index."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.common.tfx.evidence import keep_evidence
from components.common.tracking import delivery, sending
from components.common.tracking.links import Sent, make_links, seen_from_report
from schemas.push_reports import FrontierIndex, PushReport
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict
from tests.pushed_runs import BLESSED, SMALL, TINY, Scene, make_scene

RUNS = {SMALL.candidate_id: "run-small", TINY.candidate_id: "run-tiny"}
NUMBERS = {("tinytrill-host", point): str(i) for i, point in enumerate(BLESSED, 1)}


def sent_of(record: RunRecord) -> Sent:
    return Sent("7", "parent", RUNS, sending._models(record, RUNS, NUMBERS))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path)


@pytest.fixture
def record(scene: Scene) -> RunRecord:
    return scene.record()


def links_of(path: Path) -> dict[str, Any]:
    text = path.read_text().removeprefix("window.tinytrillLinks = ").removesuffix(";\n")
    read: dict[str, Any] = json.loads(text)
    return read


def test_links_lead_to_runs_versions_and_folders(
    scene: Scene, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_of(record)
    delivery.finish(record, sent)
    links = links_of(scene.output / Verdict.LINKS)
    assert links["store"] == scene.settings.tracking_uri
    # A SQLite store has no pages; the report lies beside the folder of the pushed versions.
    assert links["runs"][TINY.candidate_id] == {"id": "run-tiny", "page": ""}
    assert sorted(links["points"]) == sorted(BLESSED)
    assert links["points"][BLESSED[1]] == {
        "versions": [{"name": "tinytrill-host v2", "page": ""}],
        "folder": f"../pushed/{BLESSED[1]}/1",
    }
    # From where the stored page lies, no folder can be seen.
    told: list[dict[str, Any]] = []

    def log_file(run_id: str, path: Path, folder: str) -> None:
        told.append({"run": run_id, "folder": folder, **links_of(path)})

    monkeypatch.setattr(delivery, "Tracker", lambda store: SimpleNamespace(log_file=log_file))
    delivery._send_links(record, sent)
    (stored,) = told
    assert (stored["run"], stored["folder"]) == ("parent", "verdict")
    assert {name: stored[name] for name in ("store", "runs")} == {
        name: links[name] for name in ("store", "runs")
    }
    assert {point["folder"] for point in stored["points"].values()} == {""}


def test_a_server_has_pages(record: RunRecord) -> None:
    told = record.model_copy(update={"tracking_uri": "http://mlflow.example"})
    links = make_links(told, sent_of(record), lambda model: "")
    assert links["runs"][SMALL.candidate_id]["page"] == "http://mlflow.example/#/experiments/7/runs/run-small"
    (version,) = links["points"][BLESSED[2]]["versions"]
    assert version["page"] == "http://mlflow.example/#/models/tinytrill-host/versions/3"


def test_before_it_is_sent_there_are_only_folders(scene: Scene, record: RunRecord) -> None:
    report = delivery.finish(record, None, "nobody answers", Path("/kept"))
    assert report == PushReport.load(scene.output)
    assert (report.unsent, report.kept, report.parent_run_id) == ("nobody answers", "/kept", "")
    links = links_of(scene.output / Verdict.LINKS)
    assert links["runs"] == {}
    assert links["points"][BLESSED[0]] == {"versions": [], "folder": f"../pushed/{BLESSED[0]}/1"}
    assert FrontierIndex.load(scene.destination).models == record.models


def test_sent_later_all_is_filled_in(scene: Scene, record: RunRecord) -> None:
    delivery.finish(record, None, "nobody answers", Path("/kept"))
    report = delivery.finish(record, sent_of(record), late=True)
    assert report == PushReport.load(scene.output)
    assert (report.unsent, report.kept, report.parent_run_id) == ("", "", "parent")
    assert [model.run_id for model in report.models] == ["run-small", "run-small", "run-tiny"]
    assert FrontierIndex.load(scene.destination).models == report.models
    assert links_of(scene.output / Verdict.LINKS)["runs"]


def test_sent_later_it_leaves_what_was_pushed_since(scene: Scene, record: RunRecord) -> None:
    delivery.finish(record, None, "nobody answers")
    index = FrontierIndex.load(scene.destination)
    later = index.model_copy(update={"models": index.models[:1]})
    for newer in (later, index.model_copy(update={"run_key": "another"})):
        newer.save(scene.destination)
        delivery.finish(record, sent_of(record), late=True)
        assert FrontierIndex.load(scene.destination) == newer
    # Not being late, a run replaces what is there.
    assert delivery.finish(record, sent_of(record)).models == FrontierIndex.load(scene.destination).models


def test_what_was_removed_is_not_made_again(scene: Scene, record: RunRecord) -> None:
    shutil.rmtree(scene.destination)
    shutil.rmtree(scene.output)
    report = delivery.finish(record, sent_of(record), late=True)
    assert report.parent_run_id == "parent"
    assert not scene.destination.exists() and not scene.output.exists()


def test_of_a_closed_gate_the_copy_is_filled_in(scene: Scene, record: RunRecord) -> None:
    delivery.finish(record, None, "nobody answers")
    copy = keep_evidence(str(scene.output))
    shutil.rmtree(scene.output)  # as TFX does
    delivery.finish(record, sent_of(record), late=True)
    assert PushReport.load(copy).parent_run_id == "parent"
    assert links_of(copy / Verdict.LINKS)["runs"] and not scene.output.exists()


def test_nothing_blessed_leaves_the_index_alone(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, blessed={"host": ()})
    delivery.finish(scene.record(), sent_of(scene.record()))
    assert not scene.destination.exists()


def test_pushed_folders_as_seen_from_the_report() -> None:
    output = Path("/runs/demo/artifacts/FrontierPusher/pushed/7")
    assert seen_from_report(Path("/runs/demo/pushed/a/b/1"), output) == "../pushed/a/b/1"
    assert seen_from_report(Path("/runs/elsewhere/a/b/1"), output) == "/runs/elsewhere/a/b/1"
