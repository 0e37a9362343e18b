"""Sending a record: what MLflow holds then, and that neither kills nor repetition change it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from components.common.package import folders
from components.common.package.serving import SCRIPT
from components.common.tracking import sending
from components.common.tracking.faults import ArtifactsRefused, TrackingFault
from components.common.tracking.names import (
    CHAMPION_ALIAS,
    FILES_TAG,
    PARENT_RUN_TAG,
    RUN_KEY_TAG,
    SHA256_TAG,
    VERDICT_DIGEST_TAG,
)
from components.common.tracking.stores import open_client
from schemas.run_records import RunRecord
from tests.components.common.tracking.sending import census, make_record
from tests.pushed_runs import BLESSED, SMALL, TINY

# The pusher, and with it TFX, makes the record.
pytestmark = pytest.mark.slow

HOST, PHONE = "tinytrill-host", "tinytrill-phone"


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path
) -> RunRecord:
    return make_record(tmp_path_factory.mktemp("run"), tiny_files, empty_store)


@pytest.fixture
def record(made: RunRecord, tmp_path: Path, empty_store: Path) -> RunRecord:
    """With an empty store of its own."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    return made.model_copy(update={"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"})


def check_whole(record: RunRecord) -> dict[str, Any]:
    found = census(record.tracking_uri)
    assert found["runs"] == [
        ("candidate", SMALL.candidate_id, "FINISHED"),
        ("candidate", TINY.candidate_id, "FINISHED"),
        ("pipeline", "test-run", "FINISHED"),
    ]
    told = {"test-run": record.parent, **record.candidates}
    for name, run in told.items():
        assert run.parameters and found["parameters"][name] == run.parameters
        assert sum(found["metrics"][name].values()) == len(
            {(point.name, point.step, point.second) for point in run.metrics}
        )
        assert found["inputs"][name] == sorted((data.name, data.digest) for data in run.datasets)
        assert found["files"][name] == sorted(
            (Path(file.folder) / Path(file.path).name).as_posix() for file in run.files
        )
    # Two files, three versions: a logged model serves all devices.
    assert found["models"] == [(point, "READY") for point in sorted(BLESSED[:2])]
    assert found["outputs"] == 2
    assert sorted((name, point) for name, _, point in found["versions"]) == sorted(
        [(HOST, BLESSED[0]), (HOST, BLESSED[1]), (PHONE, BLESSED[0])]
    )
    number = {(name, point): number for name, number, point in found["versions"]}
    assert found["aliases"] == {
        HOST: {
            "candidate": number[HOST, BLESSED[0]],
            "candidate-1": number[HOST, BLESSED[0]],
            "candidate-2": number[HOST, BLESSED[1]],
        },
        PHONE: {"candidate": number[PHONE, BLESSED[0]], "candidate-1": number[PHONE, BLESSED[0]]},
    }
    return found


def test_all_that_is_recorded_is_there(record: RunRecord) -> None:
    sent = sending.send(record)
    found = check_whole(record)
    client = open_client(record.tracking_uri)
    parent = client.get_run(sent.parent_run_id)
    assert parent.info.experiment_id == sent.experiment_id
    assert parent.data.tags[RUN_KEY_TAG] == record.run_key
    assert parent.data.tags[VERDICT_DIGEST_TAG] == record.verdict_digest
    for candidate_id, run_id in sent.runs.items():
        tags = client.get_run(run_id).data.tags
        assert tags["mlflow.parentRunId"] == sent.parent_run_id
        assert record.candidates[candidate_id].tags.items() <= tags.items()
    assert sent.registrations == {(name, point): number for name, number, point in found["versions"]}
    for version in client.search_model_versions():
        assert version.tags[PARENT_RUN_TAG] == sent.parent_run_id
        assert version.run_id == sent.runs[SMALL.candidate_id]


def test_files_of_a_version_are_those_it_names(record: RunRecord) -> None:
    sending.send(record)
    client = open_client(record.tracking_uri)
    for version in client.search_model_versions():
        files = json.loads(version.tags[FILES_TAG])
        assert files["model.tflite"] == version.tags[SHA256_TAG]
        assert files["embedder.py"] == folders.sha256_of(Path(SCRIPT))
        place = Path(urlsplit(client.get_model_version_download_uri(version.name, version.version)).path)
        stored = {path.name: folders.sha256_of(path) for path in place.rglob("*") if path.name in files}
        assert stored == files


def test_sent_again_changes_nothing(record: RunRecord) -> None:
    sent = sending.send(record)
    before = check_whole(record)
    client = open_client(record.tracking_uri)
    ended = client.get_run(sent.parent_run_id).info.end_time
    assert sending.send(record) == sent
    assert check_whole(record) == before
    assert client.get_run(sent.parent_run_id).info.end_time == ended


def test_killed_after_each_change_in_turn(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is killed at the first change that no attempt before has come to."""
    from mlflow import MlflowClient

    changes = re.compile(r"(create|log|set|update|delete|finalize)_")
    seen: set[str] = set()
    names: dict[str, str] = {}

    def dying(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def dies(client: MlflowClient, *args: Any, **kwargs: Any) -> Any:
            answer = change(client, *args, **kwargs)
            if name == "create_logged_model":
                names[answer.model_id] = answer.name
            if name == "create_run":
                names[answer.info.run_id] = answer.info.run_name
            # What is made anew has another id, and temporary folders another name, in each attempt.
            what = re.sub(r"(m-)?[0-9a-f]{32}", lambda id_: names.get(id_[0], ""), repr((name, args, kwargs)))
            what = re.sub(r"/tmp\w+/", "/", what)
            if what not in seen:
                seen.add(what)
                raise KeyboardInterrupt(what)
            return answer

        return dies

    for name in filter(changes.match, dir(MlflowClient)):
        monkeypatch.setattr(MlflowClient, name, dying(name, getattr(MlflowClient, name)))
    for _ in range(200):
        try:
            sending.send(record)
            break
        except KeyboardInterrupt:
            pass
    monkeypatch.undo()
    check_whole(record)
    # Each run, batch, file, version and alias is a change.
    assert 50 < len(seen) < 200


def test_another_verdict_of_the_same_key_is_another_run(record: RunRecord) -> None:
    first = sending.send(record)
    parent = record.parent.model_copy(update={"tags": {VERDICT_DIGEST_TAG: "another"}})
    other = record.model_copy(update={"verdict_digest": "another", "parent": parent})
    second = sending.send(other)
    assert second.parent_run_id != first.parent_run_id
    assert sending.send(record) == first and sending.send(other) == second
    assert set(first.runs.values()).isdisjoint(second.runs.values())
    assert set(first.registrations.items()).isdisjoint(second.registrations.items())


def test_aliases_of_promotion_and_leftover_numbers(record: RunRecord) -> None:
    first = sending.send(record)
    client = open_client(record.tracking_uri)
    number = first.registrations[HOST, BLESSED[1]]
    for alias in (CHAMPION_ALIAS, "candidate-9", "candidate-b"):
        client.set_registered_model_alias(HOST, alias, number)
    second = sending.send(record.model_copy(update={"run_key": "another"}))
    best = second.registrations[HOST, BLESSED[0]]
    assert census(record.tracking_uri)["aliases"][HOST] == {
        CHAMPION_ALIAS: number,
        "candidate-b": number,
        "candidate": best,
        "candidate-1": best,
        "candidate-2": second.registrations[HOST, BLESSED[1]],
    }


def test_a_record_that_waited_leaves_the_aliases_of_a_later_run(record: RunRecord) -> None:
    later = sending.send(record)
    waited = record.model_copy(update={"run_key": "waited", "kept_at": 1_700_000_000.5})
    sent = sending.send(waited)
    client = open_client(record.tracking_uri)
    assert client.get_run(sent.parent_run_id).info.start_time == 1_700_000_000_500
    aliases = census(record.tracking_uri)["aliases"][HOST]
    assert aliases["candidate"] == later.registrations[HOST, BLESSED[0]]
    assert sent.registrations[HOST, BLESSED[0]] != later.registrations[HOST, BLESSED[0]]


def test_files_that_cannot_be_stored(record: RunRecord, tmp_path: Path) -> None:
    # Not even root makes a folder below a file.
    (tmp_path / "full").write_text("")
    refused = record.model_copy(update={"artifact_location": f"file://{tmp_path}/full/artifacts"})
    with pytest.raises(ArtifactsRefused) as error:
        sending.send(refused)
    assert str(error.value).startswith(
        f"the files of the MLflow store {record.tracking_uri} cannot be written"
    )
    assert str(tmp_path / "full") in str(error.value)
    (tmp_path / "full").unlink()
    sending.send(refused)
    check_whole(refused)


def test_a_pushed_file_that_was_changed_is_not_registered(record: RunRecord, tmp_path: Path) -> None:
    from components.common.tracking import outbox

    kept = outbox.keep(record, tmp_path / "outbox", "the server was down")
    waited = RunRecord.load(kept)
    changed = kept / waited.versions[0].folder / "golden.npz"
    changed.write_bytes(b"other vectors")
    with pytest.raises(TrackingFault, match=rf"{changed} is not the file that was recorded"):
        sending.send(waited, kept)
    assert open_client(record.tracking_uri).search_model_versions() == []


@pytest.mark.parametrize("place", ["absent.json", "../outside.txt", "/etc/hostname"])
def test_a_record_names_only_files_of_its_folder(record: RunRecord, tmp_path: Path, place: str) -> None:
    from components.common.tracking import outbox

    kept = outbox.keep(record, tmp_path / "outbox", "the server was down")
    (tmp_path / "outbox" / "outside.txt").write_text("not for MLflow")
    waited = RunRecord.load(kept)
    file = waited.parent.files[0].model_copy(update={"path": place})
    waited = waited.model_copy(update={"parent": waited.parent.model_copy(update={"files": [file]})})
    with pytest.raises(TrackingFault, match=rf"the record names the file {place}, which is not in {kept}"):
        sending.send(waited, kept)
