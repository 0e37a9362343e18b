"""Sending what waits in a run's folder."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import pytest

from components.common.tracking import outbox
from components.common.tracking.stores import open_client
from pipeline.local.layout import RunLayout
from pipeline.local.run_folder import FolderHeld
from pipeline.models.sync import sync
from schemas.push_reports import PushReport
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict
from tests.pushed_runs import BLESSED, MakeScene, Scene

# Whole components are executed here.
pytestmark = pytest.mark.slow


@pytest.fixture
def unsent(scene: MakeScene) -> Scene:
    """A run that was pushed while nobody answered; its store is there now."""
    made = scene()
    store = Path(made.settings.tracking_uri.removeprefix("sqlite:///"))
    aside = store.with_name("aside.db")
    store.rename(aside)
    # Not even root opens a folder as a database.
    store.mkdir()
    report = made.push()
    assert report.unsent and not report.parent_run_id
    store.rmdir()
    aside.rename(store)
    layout = RunLayout(made.root)
    assert outbox.waiting(layout.outbox) == [Path(report.kept)]
    shutil.copytree(made.inputs["verdict"][0].uri, layout.report)
    return made


def test_what_waited_is_sent_and_told(unsent: Scene) -> None:
    (outcome,) = sync(unsent.root)
    assert outcome.fault == "" and outcome.run_name == "test-run"
    report = PushReport.load(unsent.output)
    assert report.parent_run_id == outcome.parent_run_id
    assert report.unsent == report.kept == ""
    assert {model.point_id for model in report.models} == set(BLESSED)
    assert all(model.run_id and model.registrations for model in report.models)
    client = open_client(unsent.settings.tracking_uri)
    assert client.get_run(outcome.parent_run_id).info.status == "FINISHED"
    layout = RunLayout(unsent.root)
    assert (layout.report / Verdict.LINKS).read_bytes() == (unsent.output / Verdict.LINKS).read_bytes()
    assert outcome.parent_run_id in {
        run.info.run_id for run in client.search_runs([report_experiment(client)])
    }
    assert not outcome.folder.exists()
    assert sync(unsent.root) == []


def report_experiment(client: object) -> str:
    experiment = client.get_experiment_by_name("tinytrill")  # type: ignore[attr-defined]
    found: str = experiment.experiment_id
    return found


def test_what_is_refused_stays_and_the_others_go(unsent: Scene) -> None:
    layout = RunLayout(unsent.root)
    (folder,) = outbox.waiting(layout.outbox)
    record = RunRecord.load(folder)
    broken, lost = (layout.outbox / name for name in ("broken", "lost"))
    shutil.copytree(folder, broken)
    (broken / RunRecord.FILE).write_text("{}")
    shutil.copytree(folder, lost)
    (lost / record.parent.files[0].path).unlink()
    outcomes = {outcome.folder: outcome for outcome in sync(unsent.root)}
    assert outcomes[folder].fault == ""
    assert f"{broken / RunRecord.FILE} cannot be read" in outcomes[broken].fault
    assert f"the record names the file {record.parent.files[0].path}, which is not in {lost}" in (
        outcomes[lost].fault
    )
    assert sorted(outbox.waiting(layout.outbox)) == [broken, lost]


def test_another_address_of_the_store(unsent: Scene, empty_store: Path) -> None:
    moved = unsent.root / "moved.db"
    moved.write_bytes(empty_store.read_bytes())
    (outcome,) = sync(unsent.root, f"sqlite:///{moved}")
    assert open_client(f"sqlite:///{moved}").get_run(outcome.parent_run_id)
    assert PushReport.load(unsent.output).tracking_uri == f"sqlite:///{moved}"


def test_a_kill_between_sending_and_releasing(unsent: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox, "release", killed)
    with pytest.raises(KeyboardInterrupt):
        sync(unsent.root)
    monkeypatch.undo()
    before = PushReport.load(unsent.output)
    (outcome,) = sync(unsent.root)
    assert outcome.fault == ""
    assert PushReport.load(unsent.output) == before


def test_a_run_that_goes_on_is_left_alone(unsent: Scene) -> None:
    layout = RunLayout(unsent.root)
    with layout.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FolderHeld, match=f"another run is writing into {unsent.root}"):
            sync(unsent.root)
    assert len(outbox.waiting(layout.outbox)) == 1


def test_another_verdict_s_page_keeps_its_links(unsent: Scene) -> None:
    layout = RunLayout(unsent.root)
    shown = Verdict.load(layout.report)
    shown.model_copy(update={"summary": "another verdict"}).save(layout.report)
    sync(unsent.root)
    assert not (layout.report / Verdict.LINKS).exists()
