"""Runs of a pipeline in a real SQLite store: opened, found again, ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from components.common.tracking.faults import RunMismatch, StoreRefused, TrackingFault
from components.common.tracking.names import RUN_KEY_TAG, VERDICT_DIGEST_TAG
from components.common.tracking.stores import Store, open_client
from components.common.tracking.tracker import Tracker, given_run_id
from schemas.run_context import Provenance
from schemas.run_records import MetricPoint, RecordedDataset, RecordedRun, RunRecord

KEY, NAME = "k" * 32, "demo"
CODE = Provenance(
    code_version="0123456789abcdef0123456789abcdef01234567",
    uncommitted=True,
    lock_sha256="1" * 64,
    config_sha256="c" * 64,
)
EMPTY_RUN = RecordedRun(name=NAME, tags={}, parameters={}, metrics=[], files=[], datasets=[])


@pytest.fixture
def tracker(tmp_path: Path, empty_store: Path) -> Tracker:
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return Tracker(Store(f"sqlite:///{tmp_path}/mlflow.db"))


def make_record(tracker: Tracker, digest: str = "d1", **more: Any) -> RunRecord:
    return RunRecord(
        run_key=KEY,
        run_name=NAME,
        verdict_digest=digest,
        tracking_uri=tracker.uri,
        experiment="tinytrill",
        alias="candidate",
        parent=EMPTY_RUN,
        candidates={},
        versions=[],
        models=[],
        destination="/nowhere",
        output="/nowhere",
        **more,
    )


def tags_of(tracker: Tracker, run_id: str) -> dict[str, str]:
    tags: dict[str, str] = tracker.client.get_run(run_id).data.tags
    return tags


def runs_of(tracker: Tracker) -> set[str]:
    return {run.info.run_id for run in tracker.client.search_runs([tracker.experiment_id])}


def status_of(tracker: Tracker, run_id: str) -> str:
    status: str = tracker.client.get_run(run_id).info.status
    return status


def test_a_run_is_opened_once_and_tells_its_code(tracker: Tracker) -> None:
    run_id = tracker.begin(KEY, NAME, CODE)
    assert tracker.begin(KEY, NAME, CODE) == tracker.begin(KEY, NAME, CODE, fresh=True) == run_id
    assert runs_of(tracker) == {run_id}
    told = {
        "mlflow.source.git.commit": CODE.code_version,
        "tinytrill.code_version": CODE.code_version,
        "tinytrill.uncommitted": "true",
        "tinytrill.lock_sha256": "1" * 64,
        "tinytrill.config_sha256": "c" * 64,
        "tinytrill.run_key": KEY,
        "tinytrill.role": "pipeline",
        "tinytrill.run_name": NAME,
    }
    assert told.items() <= tags_of(tracker, run_id).items()
    assert tracker.begin("another", NAME, CODE) != run_id


def test_a_version_is_no_commit_and_what_is_unknown_is_not_told(tracker: Tracker) -> None:
    tags = tags_of(tracker, tracker.begin(KEY, NAME, Provenance(code_version="tinytrill 1.0")))
    assert tags["tinytrill.code_version"] == "tinytrill 1.0"
    assert not {"mlflow.source.git.commit", "tinytrill.lock_sha256"} & tags.keys()


def test_a_run_that_failed_is_opened_again(tracker: Tracker) -> None:
    run_id = tracker.begin(KEY, NAME, CODE)
    tracker.give_up(run_id, "FAILED")
    assert status_of(tracker, run_id) == "FAILED"
    assert tracker.begin(KEY, NAME, CODE) == run_id
    assert status_of(tracker, run_id) == "RUNNING"


def test_a_run_with_a_verdict_stays_as_it_is_and_a_fresh_one_is_another(tracker: Tracker) -> None:
    decided = tracker.begin(KEY, NAME, CODE)
    assert tracker.pipeline_run(make_record(tracker)) == decided
    tracker.finish(decided)
    assert tracker.begin(KEY, NAME, CODE) == decided
    assert status_of(tracker, decided) == "FINISHED"
    fresh = tracker.begin(KEY, NAME, CODE, fresh=True)
    assert fresh != decided and status_of(tracker, fresh) == "RUNNING"
    # A run without a verdict comes before one that has it, but a record goes where it went before.
    assert tracker.begin(KEY, NAME, CODE) == fresh
    assert tracker.pipeline_run(make_record(tracker)) == decided


def test_a_record_goes_to_the_run_of_its_verdict(tracker: Tracker) -> None:
    opened = tracker.begin(KEY, NAME, CODE)
    first = make_record(tracker, "d1", parent_run_id=opened)
    assert tracker.pipeline_run(first) == opened
    second = make_record(tracker, "d2", parent_run_id=opened)
    other = tracker.pipeline_run(second)
    assert other != opened
    assert tracker.pipeline_run(second) == other and tracker.pipeline_run(first) == opened
    assert runs_of(tracker) == {opened, other}
    assert tags_of(tracker, other)[VERDICT_DIGEST_TAG] == "d2"


@pytest.mark.parametrize("gone", ["deleted", "0" * 32, "no id"])
def test_a_record_whose_run_is_gone_gets_another(tracker: Tracker, gone: str) -> None:
    run_id = gone
    if gone == "deleted":
        run_id = tracker.begin(KEY, NAME, CODE)
        tracker.client.delete_run(run_id)
    made = tracker.pipeline_run(make_record(tracker, parent_run_id=run_id, kept_at=12.5))
    assert made != run_id
    assert tracker.client.get_run(made).info.start_time == tracker.begun_ms(made) == 12_500


def test_the_outermost_run_of_one_that_was_given_is_the_pipeline_s(tracker: Tracker) -> None:
    elsewhere = tracker.client.create_experiment("kubeflow")
    outer = tracker.client.create_run(elsewhere).info.run_id
    task = tracker.client.create_run(elsewhere, tags={"mlflow.parentRunId": outer}).info.run_id
    assert tracker.begin(KEY, NAME, CODE, given_run_id=task) == outer
    assert tracker.pipeline_run(make_record(tracker, given_run_id=task)) == outer
    # Nested runs are seen only beside their parent.
    nested = tracker.candidate(outer, KEY, NAME, "small")
    assert tracker.experiment_of(nested) == elsewhere != tracker.experiment_id
    assert tracker.candidate(outer, KEY, NAME, "small") == nested
    assert runs_of(tracker) == set()


def test_a_given_run_of_another_pipeline_is_refused(
    tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    taken = tracker.begin("another", NAME, CODE)
    with pytest.raises(RunMismatch, match=f"the run {taken}, which belongs to the pipeline run another, not"):
        tracker.begin(KEY, NAME, CODE, given_run_id=taken)
    # What is to be told is told all the same.
    own = tracker.pipeline_run(make_record(tracker, given_run_id=taken))
    assert own != taken and tags_of(tracker, taken)[RUN_KEY_TAG] == "another"
    assert f"the run {taken}, which belongs to the pipeline run another" in caplog.text


def test_a_given_run_that_is_not_there_is_refused(tracker: Tracker) -> None:
    with pytest.raises(
        RunMismatch, match=f"MLFLOW_RUN_ID names the run {'0' * 32}, which sqlite:///.* not have"
    ):
        tracker.begin(KEY, NAME, CODE, given_run_id="0" * 32)
    assert runs_of(tracker) == set()


def test_what_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    assert given_run_id() == ""
    monkeypatch.setenv("MLFLOW_RUN_ID", "abc")
    assert given_run_id() == "abc"


def test_two_that_open_a_run_at_once_open_one(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    create = tracker.client.create_run
    rivals: list[str] = []

    def late(*args: Any, **kwargs: Any) -> Any:
        if not rivals:
            rivals.append("")
            rivals[0] = Tracker(Store(tracker.uri)).begin(KEY, NAME, CODE)
        return create(*args, **kwargs)

    monkeypatch.setattr(tracker.client, "create_run", late)
    assert tracker.begin(KEY, NAME, CODE) == rivals[0]
    assert runs_of(tracker) == set(rivals)


def test_giving_up_leaves_what_has_ended(tracker: Tracker) -> None:
    parent = tracker.begin(KEY, NAME, CODE)
    done, open_one = (tracker.candidate(parent, KEY, NAME, name) for name in ("done", "open"))
    tracker.finish(done)
    stranger = tracker.begin("another", NAME, CODE)
    tracker.give_up(parent, "KILLED")
    statuses = {run_id: status_of(tracker, run_id) for run_id in (parent, done, open_one, stranger)}
    assert statuses == {parent: "KILLED", done: "FINISHED", open_one: "KILLED", stranger: "RUNNING"}
    tracker.finish(stranger)
    tracker.give_up(stranger, "FAILED")
    assert status_of(tracker, stranger) == "FINISHED"


def test_what_is_logged_twice_is_there_once(tracker: Tracker, tmp_path: Path) -> None:
    run_id = tracker.begin(KEY, NAME, CODE)
    parameters = {f"p{number}": number for number in range(150)}
    points = [MetricPoint(name="loss", value=1 / n, step=n, second=2.5 * n) for n in range(1, 601)]
    data = RecordedDataset(
        name="corpus", digest="d" * 36, source="/sound", context="corpus", profile={"clips": 3, "hours": 0.5}
    )
    (tmp_path / "note.txt").write_text("first")
    for text in ("first", "second"):
        tracker.log_parameters(run_id, parameters)
        tracker.log_metrics(run_id, points)
        tracker.log_datasets(run_id, [data])
        tracker.set_tags(run_id, {f"t{number}": text for number in range(150)})
        (tmp_path / "note.txt").write_text(text)
        tracker.log_file(run_id, tmp_path / "note.txt", "notes")
    tracker.log_parameters(run_id, {"p0": "changed", "new": "1"})
    run = tracker.client.get_run(run_id)
    assert run.data.params == {name: str(value) for name, value in parameters.items()} | {"new": "1"}
    history = tracker.client.get_metric_history(run_id, "loss")
    assert [(m.step, m.value, m.timestamp - run.info.start_time) for m in history] == [
        (p.step, p.value, 1000 * p.second) for p in points
    ]
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("corpus", "d" * 36)
    assert (used.dataset.source, used.dataset.profile) == ('{"uri": "/sound"}', '{"clips": 3, "hours": 0.5}')
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "corpus")]
    assert run.data.tags["t149"] == "second"
    stored = tmp_path / "mlartifacts" / run_id / "artifacts" / "notes" / "note.txt"
    assert stored.read_text() == "second"


def test_a_deleted_experiment_is_told(tracker: Tracker) -> None:
    tracker.client.delete_experiment(tracker.experiment_id)
    with pytest.raises(TrackingFault, match="experiment 'tinytrill' was deleted in sqlite:///"):
        Tracker(Store(tracker.uri))


def test_no_address_is_no_store() -> None:
    with pytest.raises(ValueError, match="no MLflow store: its address is empty"):
        Tracker(Store(""))


def test_an_address_that_mlflow_cannot_use(tmp_path: Path) -> None:
    with pytest.raises(TrackingFault, match=r"the MLflow store ftp://place refuses: .*unsupported URI"):
        open_client("ftp://place")


def test_a_sqlite_file_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    uri = f"sqlite:///{tmp_path}/file/mlflow.db"
    with pytest.raises(StoreRefused, match=f"the MLflow store {uri} cannot be made: .*File exists"):
        open_client(uri)


def test_pages_of_a_server_and_of_none(tracker: Tracker) -> None:
    from components.common.tracking.stores import run_page, version_page

    assert run_page(tracker.uri, "3", "abc") == version_page(tracker.uri, "tinytrill-host", "1") == ""
    server = "https://me:secret@mlflow.example/base/"
    assert run_page(server, "3", "abc") == "https://mlflow.example/base/#/experiments/3/runs/abc"
    assert version_page(server, "a b", "7") == "https://mlflow.example/base/#/models/a%20b/versions/7"
