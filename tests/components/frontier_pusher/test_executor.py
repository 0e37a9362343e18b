"""Pushing to folders and to MLflow: what is there afterwards, that nothing is doubled, and nothing lost."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from components.common.frontier.closed import GateClosed
from components.common.package import folders
from components.common.tracking import delivery, outbox, sending
from components.common.tracking.faults import StoreUnreachable, TrackingFault
from components.common.tracking.names import GATE_TAG
from components.common.tracking.registered import registered_versions
from components.common.tracking.stores import open_client
from components.frontier_pusher import executor
from components.frontier_pusher.settings import PusherSettings
from schemas.push_reports import FrontierIndex, ModelDescription, PushReport, Registration
from schemas.run_records import RunRecord
from schemas.verdicts import Standing, Verdict
from tests.components.common.tracking.sending import census
from tests.mlflow_server import MlflowServer
from tests.pushed_runs import BLESSED, SMALL, TINY, MakeScene, Scene

# Whole components are executed here.
pytestmark = pytest.mark.slow

VERSION_FILES = [
    "MODEL_CARD.md",
    "NOTICE.txt",
    "SHA256SUMS",
    "example.py",
    "golden.npz",
    "model.json",
    "model.tflite",
]


def check_whole(scene: Scene, report: PushReport) -> dict[str, Any]:
    """That everything of three blessed points on the host is there once, and that all places agree."""
    found = census(scene.settings.tracking_uri)
    assert found["runs"] == [
        ("candidate", SMALL.candidate_id, "FINISHED"),
        ("candidate", TINY.candidate_id, "FINISHED"),
        ("pipeline", "test-run", "FINISHED"),
    ]
    number = {point: number for _, number, point in found["versions"]}
    assert sorted(number) == sorted(BLESSED) and len(found["versions"]) == len(found["models"]) == 3
    assert found["aliases"]["tinytrill-host"] == {
        "candidate": number[BLESSED[0]],
        "candidate-1": number[BLESSED[0]],
        "candidate-2": number[BLESSED[2]],
        "candidate-3": number[BLESSED[1]],
    }
    assert found["metrics"][TINY.candidate_id]["training/loss"] == 6
    assert "verdict/links.js" in found["files"]["test-run"]
    assert pushed_folders(scene) == sorted(f"{point}/1" for point in BLESSED)
    assert [model.point_id for model in report.models] == list(BLESSED)
    for model in report.models:
        assert model.registrations == [
            Registration(device="host", registered_model="tinytrill-host", version=number[model.point_id])
        ]
        assert open_client(scene.settings.tracking_uri).get_run(model.run_id).info.run_name == (
            model.candidate_id
        )
    assert FrontierIndex.load(scene.destination).models == report.models
    assert outbox.waiting(Path(scene.settings.outbox)) == []
    return found


def pushed_folders(scene: Scene) -> list[str]:
    return sorted(
        path.parent.relative_to(scene.destination).as_posix()
        for path in scene.destination.rglob("model.tflite")
        if folders.INCOMING not in path.parts
    )


def test_blessed_variants_and_only_they_are_pushed(scene: MakeScene) -> None:
    made = scene()
    report = made.push()
    check_whole(made, report)
    for model in report.models:
        folder = made.destination / model.folder
        assert sorted(path.name for path in folder.iterdir()) == VERSION_FILES
        description = ModelDescription.load(folder)
        assert folders.sha256_of(folder / "model.tflite") == model.sha256 == description.sha256
        (blessing,) = description.blessings
        assert blessing.point.blessed and blessing.machine.profile == "host"
        assert description.baselines_above == made.verdict.baselines_above(blessing.point)
        assert description.hop_samples == 15360 and description.window_samples == 15600
    assert not list((made.destination / folders.INCOMING).iterdir())


def test_a_second_push_doubles_nothing(scene: MakeScene) -> None:
    made = scene()
    first = made.push()
    found = check_whole(made, first)
    assert made.push() == first
    assert check_whole(made, first) == found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (folders, "push"),
        (folders, "write_index"),
        (executor, "make_record"),
        (sending, "send"),
        (delivery, "write_links"),
        (delivery.Tracker, "log_file"),
        (PushReport, "save"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_killed_at_any_step_then_run_again(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str
) -> None:
    made = scene()
    original, calls = getattr(owner, name), 0

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        # The second call where there is one, so that a part is already done.
        if calls < 2 and name in ("push", "write_links"):
            return original(*args, **kwargs)
        if when == "after":
            original(*args, **kwargs)
        raise KeyboardInterrupt(name)

    monkeypatch.setattr(owner, name, dies)
    with pytest.raises(KeyboardInterrupt):
        made.push()
    monkeypatch.setattr(owner, name, original)
    check_whole(made, made.push())


def test_half_written_version_is_not_taken_for_whole(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene()

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "_flush", dies)
    with pytest.raises(KeyboardInterrupt):
        made.push()
    assert pushed_folders(made) == []
    monkeypatch.undo()
    check_whole(made, made.push())


def test_another_run_makes_new_versions_but_no_new_folder(scene: MakeScene) -> None:
    made = scene()
    first = made.push()
    second = made.push(run_name="another-run")
    assert second.parent_run_id != first.parent_run_id
    assert len(census(made.settings.tracking_uri)["versions"]) == 6
    assert [model.folder for model in second.models] == [model.folder for model in first.models]
    assert len(pushed_folders(made)) == 3


def test_a_variant_blessed_on_two_devices_is_pushed_once_and_registered_twice(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
    report = made.push()
    assert {model.point_id: model.devices for model in report.models} == {
        BLESSED[0]: ["phone", "host"],
        BLESSED[1]: ["host"],
    }
    wave = report.models[0]
    assert [(one.registered_model, one.device) for one in wave.registrations] == [
        ("tinytrill-phone", "phone"),
        ("tinytrill-host", "host"),
    ]
    description = ModelDescription.load(made.destination / wave.folder)
    assert [(b.machine.profile, b.point.latency_ms) for b in description.blessings] == [
        ("phone", 5.0),
        ("host", 10.0),
    ]
    assert len(pushed_folders(made)) == 2


def test_a_pushed_version_can_compete_again(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
    made.push()
    for device in made.verdict.devices:
        found = registered_versions(made.settings.tracking_uri, f"tinytrill-{device.device}")
        kept = {one.standing.point.point_id for one in found if one.standing}
        assert kept == {point.point_id for point in device.blessed}
        best = next(one.standing for one in found if "candidate" in one.aliases)
        assert best is not None
        assert best.machine == device.machine
        assert best.point == device.blessed[0].model_copy(update={"goals": []})
        assert best.reference_sha256 == made.verdict.reference_sha256
        assert best.benchmark_digest == made.verdict.benchmark_digest


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
    kept = PushReport.load(error.value.folder)
    assert [model.devices for model in kept.models] == [["host"]] * 3
    assert (error.value.folder / Verdict.LINKS).is_file()
    found = census(made.settings.tracking_uri)
    assert {name for name, _, _ in found["versions"]} == {"tinytrill-host"}
    assert len(found["versions"]) == len(pushed_folders(made)) == 3
    parent = open_client(made.settings.tracking_uri).get_run(kept.parent_run_id)
    assert parent.info.status == "FAILED"
    assert parent.data.tags[GATE_TAG] == "closed: phone: no budget is kept; phone: hot"
    assert parent.data.metrics["phone/closed"] == 1 and parent.data.metrics["host/closed"] == 0
    # The retry finds everything and fails in the same way.
    with pytest.raises(GateClosed):
        made.push()
    assert census(made.settings.tracking_uri) == found


@pytest.mark.parametrize("closed", [{"host": ["no point meets all goals"]}, {}])
def test_nothing_blessed_pushes_nothing_and_fails(scene: MakeScene, closed: dict[str, list[str]]) -> None:
    made = scene(blessed={"host": ()}, closed=closed)
    reason = "no point meets all goals" if closed else "a made-up verdict"
    with pytest.raises(GateClosed, match=reason) as error:
        made.push()
    assert "pushed anyway: nothing" in str(error.value)
    assert PushReport.load(error.value.folder).models == []
    assert not made.destination.exists()
    found = census(made.settings.tracking_uri)
    assert found["versions"] == [] and found["aliases"] == {} and len(found["runs"]) == 3


def test_a_file_that_was_not_judged_is_refused(scene: MakeScene) -> None:
    made = scene()
    Path(made.inputs["variants_001"][0].uri, "wave-float32.tflite").write_bytes(b"tampered")
    with pytest.raises(ValueError, match="is not the file that was judged"):
        made.push()
    assert not made.destination.exists()


def test_devices_that_judged_different_files_are_refused(scene: MakeScene) -> None:
    made = scene(blessed={"phone": [BLESSED[0]], "host": [BLESSED[0]]})
    phone, host = made.verdict.devices
    other = [point.model_copy(update={"sha256": "f" * 64}) for point in phone.points]
    phone = phone.model_copy(update={"points": other})
    made.verdict.model_copy(update={"devices": [phone, host]}).save(made.inputs["verdict"][0].uri)
    with pytest.raises(ValueError, match=rf"{BLESSED[0]} is another file on each device"):
        made.push()
    assert not made.destination.exists()


def test_a_name_that_leaves_the_folder_is_refused(scene: MakeScene) -> None:
    made = scene()
    path = Path(made.inputs["variants_000"][0].uri, "variants.json")
    path.write_text(path.read_text().replace('"wave-float32.tflite"', '"../../secret"'))
    with pytest.raises(ValueError, match=r"name '\.\./\.\./secret' .* is not accepted"):
        made.push()
    assert not made.destination.exists()


@pytest.mark.parametrize("name", ["destination", "outbox"])
def test_what_the_pipeline_fills_in_must_be_there(scene: MakeScene, name: str) -> None:
    made = scene()
    with pytest.raises(ValueError, match=f"{name} is empty; accepted: the folder that"):
        made.push(made.settings.model_copy(update={name: ""}))


def gone(record: RunRecord, folder: Path | None = None) -> Any:
    raise StoreUnreachable("the MLflow server http://mlflow.example does not answer")


def test_what_cannot_be_sent_is_kept_and_the_run_goes_on(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = scene()
    monkeypatch.setattr(sending, "send", gone)
    report = made.push()
    (kept,) = outbox.waiting(Path(made.settings.outbox))
    assert (report.kept, report.parent_run_id) == (str(kept), "")
    assert report.unsent == "the MLflow server http://mlflow.example does not answer"
    assert [(model.run_id, model.registrations) for model in report.models] == [("", [])] * 3
    assert len(pushed_folders(made)) == 3
    (warning,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warning == f"{report.unsent}\nkept in {kept}; send it with: pipeline_runner.py lineage sync"
    # Somebody sends it later.
    monkeypatch.undo()
    waiting = RunRecord.load(kept)
    assert delivery.deliver(waiting, Path(made.settings.outbox), kept)[1] is None
    assert not kept.exists()
    check_whole(made, PushReport.load(made.output))


def test_what_cannot_be_sent_stops_the_run_if_so_configured_and_is_kept_all_the_same(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene()
    monkeypatch.setattr(sending, "send", gone)
    with pytest.raises(StoreUnreachable) as error:
        made.push(made.settings.model_copy(update={"if_unreachable": "stop"}))
    (kept,) = outbox.waiting(Path(made.settings.outbox))
    assert str(error.value).splitlines()[1].startswith(f"kept in {kept}; send it with: ")
    # The next attempt sends all of it, and nothing waits any more.
    monkeypatch.undo()
    check_whole(made, made.push())


def test_a_closed_gate_is_told_even_if_nothing_could_be_sent(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene(closed={"host": ["hot"]})
    monkeypatch.setattr(sending, "send", gone)
    with pytest.raises(GateClosed) as error:
        made.push()
    report = PushReport.load(error.value.folder)
    assert RunRecord.load(Path(report.kept)).parent.status == "FAILED"


def test_a_fault_of_the_links_keeps_the_run_too(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene()

    def refuses(record: RunRecord, sent: Any) -> None:
        raise TrackingFault("no room")

    monkeypatch.setattr(delivery, "_send_links", refuses)
    assert made.push().unsent == "no room"
    monkeypatch.undo()
    check_whole(made, made.push())


def test_on_a_server_links_lead_to_its_pages(scene: MakeScene, empty_store: Path) -> None:
    made = scene()
    with MlflowServer(made.root / "server", empty_store) as server:
        made.settings = made.settings.model_copy(update={"tracking_uri": server.uri})
        report = made.push()
        check_whole(made, report)
        experiment = open_client(server.uri).get_run(report.parent_run_id).info.experiment_id
    links = (made.output / Verdict.LINKS).read_text()
    for model in report.models:
        assert f"{server.uri}/#/experiments/{experiment}/runs/{model.run_id}" in links
        (one,) = model.registrations
        assert f"{server.uri}/#/models/tinytrill-host/versions/{one.version}" in links
    assert report.tracking_uri == server.uri


def test_credentials_are_not_accepted() -> None:
    with pytest.raises(ValueError, match="tracking_uri holds credentials"):
        PusherSettings(tracking_uri="https://me:secret@mlflow.example")


def test_a_board_has_a_registered_model_of_its_own_with_what_was_counted(scene: MakeScene) -> None:
    made = scene(blessed={"board": [BLESSED[1]]})
    report = made.push()
    (model,) = report.models
    (registration,) = model.registrations
    assert registration.registered_model == "tinytrill-board"
    client = open_client(made.settings.tracking_uri)
    version = client.get_model_version("tinytrill-board", registration.version)
    assert (version.tags["tinytrill.arena_kib"], version.tags["tinytrill.mega_macs"]) == ("160", "4")
    assert not [name for name in version.tags if "latency" in name]
    words = "160 KiB arena, 4 M multiply-accumulates on board (Test Board, board, not timed)"
    assert words in version.description
    (array,) = made.destination.rglob("model_data.cc")
    assert made.destination.joinpath(model.folder) == array.parent
    assert "model_data.cc" in (array.parent / "SHA256SUMS").read_text()
    standing = Standing.model_validate_json(version.tags[Standing.TAG])
    assert standing.reference_sha256 == "" and standing.point.latency_ms is None


def test_a_stream_file_for_a_board_has_the_array_and_the_stream_code_beside_it(scene: MakeScene) -> None:
    stream = f"{TINY.candidate_id}/stream-float32"
    made = scene(blessed={"board": [stream], "pixel": [BLESSED[0]]}, stream=True)
    made.push()
    beside = {path.name for path in made.destination.rglob("*") if "stream-float32" in str(path)}
    assert {"streaming.py", "model_data.cc"} <= beside
    others = {path.name for path in made.destination.rglob("*") if "wave-float32" in str(path)}
    assert others.isdisjoint({"streaming.py", "model_data.cc"}) and "MODEL_CARD.md" in others
