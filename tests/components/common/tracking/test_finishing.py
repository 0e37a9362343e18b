"""What is written beside a run when it is known what became of it: links, the report, the index."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.common.tfx.evidence import keep_evidence
from components.common.tracking import finishing
from components.common.tracking.links import make_links, seen_from_report
from components.common.tracking.sending import Sent
from schemas.push_reports import FrontierIndex, PushReport
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict
from tests.pushed_runs import BLESSED, SMALL, TINY, Scene, make_scene

SENT = Sent(
    "7",
    "parent",
    {SMALL.candidate_id: "run-small", TINY.candidate_id: "run-tiny"},
    {("tinytrill-host", point): str(i) for i, point in enumerate(BLESSED, 1)},
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path)


@pytest.fixture
def record(scene: Scene) -> RunRecord:
    return scene.record()


@pytest.fixture(autouse=True)
def stored(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The links that would be stored with the run."""
    told: list[dict[str, Any]] = []

    class Tracker:
        def __init__(self, store: object) -> None:
            pass

        def log_file(self, run_id: str, path: Path, folder: str) -> None:
            told.append({"run": run_id, "folder": folder, **links_of(path)})

    monkeypatch.setattr(finishing, "Tracker", Tracker)
    return told


def links_of(path: Path) -> dict[str, Any]:
    text = path.read_text().removeprefix("window.tinytrillLinks = ").removesuffix(";\n")
    read: dict[str, Any] = json.loads(text)
    return read


def test_links_lead_to_runs_versions_and_folders(
    scene: Scene, record: RunRecord, stored: list[dict[str, Any]]
) -> None:
    finishing.finish(record, SENT)
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
    (told,) = stored
    assert (told["run"], told["folder"]) == ("parent", "verdict")
    assert {name: told[name] for name in ("store", "runs")} == {
        name: links[name] for name in ("store", "runs")
    }
    assert {point["folder"] for point in told["points"].values()} == {""}


def test_a_server_has_pages(record: RunRecord) -> None:
    models = [finishing._registered(model, record, SENT) for model in record.models]
    links = make_links("http://mlflow.example", SENT, models, lambda model: "")
    assert links["runs"][SMALL.candidate_id]["page"] == "http://mlflow.example/#/experiments/7/runs/run-small"
    (version,) = links["points"][BLESSED[2]]["versions"]
    assert version["page"] == "http://mlflow.example/#/models/tinytrill-host/versions/3"


def test_before_it_is_sent_there_are_only_folders(
    scene: Scene, record: RunRecord, stored: list[dict[str, Any]]
) -> None:
    report = finishing.finish(record, None, unsent="nobody answers", kept="/kept")
    assert report == PushReport.load(scene.output)
    assert (report.unsent, report.kept, report.parent_run_id) == ("nobody answers", "/kept", "")
    links = links_of(scene.output / Verdict.LINKS)
    assert links["runs"] == {} and stored == []
    assert links["points"][BLESSED[0]] == {"versions": [], "folder": f"../pushed/{BLESSED[0]}/1"}
    assert FrontierIndex.load(scene.destination).models == record.models


def test_sent_later_all_is_filled_in(scene: Scene, record: RunRecord) -> None:
    finishing.finish(record, None, unsent="nobody answers", kept="/kept")
    report = finishing.finish(record, SENT, folder=Path("/kept"))
    assert report == PushReport.load(scene.output)
    assert (report.unsent, report.kept, report.parent_run_id) == ("", "", "parent")
    assert [model.run_id for model in report.models] == ["run-small", "run-small", "run-tiny"]
    assert FrontierIndex.load(scene.destination).models == report.models
    assert links_of(scene.output / Verdict.LINKS)["runs"]


def test_sent_later_it_leaves_what_was_pushed_since(scene: Scene, record: RunRecord) -> None:
    finishing.finish(record, None, unsent="nobody answers")
    index = FrontierIndex.load(scene.destination)
    later = index.model_copy(update={"models": index.models[:1]})
    for newer in (later, index.model_copy(update={"run_key": "another"})):
        newer.save(scene.destination)
        finishing.finish(record, SENT, folder=Path("/kept"))
        assert FrontierIndex.load(scene.destination) == newer
    # Not being late, a run replaces what is there.
    assert finishing.finish(record, SENT).models == FrontierIndex.load(scene.destination).models


def test_what_was_removed_is_not_made_again(scene: Scene, record: RunRecord) -> None:
    shutil.rmtree(scene.destination)
    shutil.rmtree(scene.output)
    report = finishing.finish(record, SENT, folder=Path("/kept"))
    assert report.parent_run_id == "parent"
    assert not scene.destination.exists() and not scene.output.exists()


def test_of_a_closed_gate_the_copy_is_filled_in(scene: Scene, record: RunRecord) -> None:
    finishing.finish(record, None, unsent="nobody answers")
    copy = keep_evidence(str(scene.output))
    shutil.rmtree(scene.output)  # as TFX does
    finishing.finish(record, SENT, folder=Path("/kept"))
    assert PushReport.load(copy).parent_run_id == "parent"
    assert links_of(copy / Verdict.LINKS)["runs"] and not scene.output.exists()


def test_nothing_blessed_leaves_the_index_alone(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, blessed={"host": ()})
    finishing.finish(scene.record(), SENT)
    assert not scene.destination.exists()


def test_pushed_folders_as_seen_from_the_report() -> None:
    output = Path("/runs/demo/artifacts/FrontierPusher/pushed/7")
    assert seen_from_report(Path("/runs/demo/pushed/a/b/1"), output) == "../pushed/a/b/1"
    assert seen_from_report(Path("/runs/elsewhere/a/b/1"), output) == "/runs/elsewhere/a/b/1"
