from __future__ import annotations

from pathlib import Path

import pytest

from components.common.audio.intake_report import IngestError
from components.noss_ingest import choice, sources
from components.noss_ingest.places import how_to_obtain
from components.noss_ingest.rows import SourceError, SourceMissing
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.sources import TaskSources
from schemas.noss_tasks import LayoutSource, ManifestSource, Obtain, TaskRecord, TfdsSource
from tests.components.common.audio.sounds import sine, write_soundfile
from tests.components.noss_ingest.tasks import make_task

_OBTAIN = Obtain(command="tfds build crema_d", page="https://example.org/crema_d", note="2 GB")
_EMOTION = TaskRecord(
    name="emotion",
    split={"rule": "speakers"},
    speaker="known",
    sources=(
        TfdsSource(builder="crema_d", version="1.0.0"),
        LayoutSource(layout="crema_d", folder="CREMA-D"),
        ManifestSource(file="emotion.csv"),
    ),
    obtain=_OBTAIN,
)


@pytest.fixture(autouse=True)
def small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "catalogue", lambda: {"emotion": _EMOTION})


def make_crema_d(root: Path, speakers: int = 10) -> None:
    for speaker in range(1001, 1001 + speakers):
        for label in ("ANG", "SAD"):
            path = root / f"CREMA-D/AudioWAV/{speaker}_DFA_{label}_XX.wav"
            write_soundfile(path, sine(0.2, 8_000, speaker), 8_000)


def settings_of(root: Path, **more: object) -> NossIngestSettings:
    return NossIngestSettings.model_validate({"root": str(root), "tfds_dir": str(root / "tfds"), **more})


def test_the_first_source_that_is_there_is_taken(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    make_crema_d(tmp_path)
    found, unavailable = TaskSources.of(settings_of(tmp_path, limit=5)).find()
    assert [(task.record.name, task.source, len(task.rows), task.limit) for task in found] == [
        ("emotion", "folder CREMA-D", 20, 5),
        ("mine", "manifest mine/manifest.csv", 8, 5),
    ]
    assert unavailable == []
    # Ten speakers, 0.7 and 0.1 of them: seven, one and two.
    speakers = {
        split: {row.speaker_id for row in found[0].rows if row.split == split}
        for split in ("train", "validation", "test")
    }
    assert [len(each) for each in speakers.values()] == [7, 1, 2]


def test_a_task_without_sound_is_unavailable_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_task(tmp_path / "mine")
    with caplog.at_level("INFO", "tinytrill.noss_ingest"):
        found, (absent,) = TaskSources.of(settings_of(tmp_path)).find()
    assert [task.record.name for task in found] == ["mine"]
    assert (absent.name, absent.obtain) == ("emotion", _OBTAIN)
    for part in (
        f"there is no TFDS crema_d 1.0.0 in {tmp_path}/tfds; to prepare it: ",
        f'tfds.builder("crema_d:1.0.0", data_dir="{tmp_path}/tfds").download_and_prepare()',
        f"; there is no folder CREMA-D in {tmp_path}; there is no manifest emotion.csv in {tmp_path}",
    ):
        assert part in absent.reason
    assert "not here: emotion (" in caplog.text


def test_a_required_task_without_sound_is_refused_at_once(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    for require in ("all", ["emotion"]):
        settings = settings_of(tmp_path, require=require)
        for refuse in (TaskSources.check, TaskSources.find):
            with pytest.raises(IngestError) as caught:
                refuse(TaskSources.of(settings))
            message = str(caught.value)
            assert message.startswith("noss.require: the sound of task 'emotion' is not here: ")
            assert "run tfds build crema_d; https://example.org/crema_d; 2 GB" in message
            assert "crema_d" in message.split("to get it")[0]
    # Unpacked, but not what the layout needs: the run could do without it.
    (tmp_path / "CREMA-D").mkdir()
    TaskSources.of(settings_of(tmp_path)).check()
    with pytest.raises(IngestError, match=r"noss\.require: the sound of task 'emotion' .*AudioWAV"):
        TaskSources.of(settings_of(tmp_path, require="all")).check()
    make_crema_d(tmp_path)
    TaskSources.of(settings_of(tmp_path, require="all")).check()


def test_absent_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"noss\.root: is empty; accepted: a folder of tasks"):
        TaskSources.of(NossIngestSettings()).check()
    with pytest.raises(IngestError, match=r"noss\.root: there is no folder '/no/such'"):
        TaskSources.of(settings_of(Path("/no/such"))).check()
    for refuse in (TaskSources.check, TaskSources.find):
        with pytest.raises(IngestError, match=r"noss\.root: no task's sound is here: .*of emotion none"):
            refuse(TaskSources.of(settings_of(tmp_path)))
    with pytest.raises(IngestError, match=r"of mine none was found"):
        record = {"name": "mine", "sources": [{"kind": "manifest", "file": "x.csv"}]}
        TaskSources.of(settings_of(tmp_path, tasks=[{"record": record}])).check()


def test_what_the_record_says_is_checked(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "mine")
    (folder / "task.yaml").write_text("name: mine\nlabels: [high, medium]\n")
    with pytest.raises(SourceError, match=r"manifest\.csv:6: unknown label 'low'; the task has high, medium"):
        TaskSources.of(settings_of(tmp_path)).find()
    (folder / "task.yaml").write_text("name: mine\nsplit: {rule: folds}\n")
    (task,), _ = TaskSources.of(settings_of(tmp_path)).find()
    # The folds are 0 to 3, so the splits are those of the manifest except that fold 1 is train.
    assert {(row.fold, row.split) for row in task.rows} == {
        ("0", "train"), ("1", "train"), ("2", "validation"), ("3", "test"),
    }  # fmt: skip


def test_digest_sees_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_task(tmp_path / "t")
    settings = settings_of(tmp_path)
    digests = [TaskSources.of(settings).digest()]

    def differs() -> bool:
        digests.append(TaskSources.of(settings).digest())
        return len(set(digests)) == len(digests)

    assert TaskSources.of(settings).digest() == digests[0]
    (folder / "audio/high0.wav").write_bytes(b"other")
    assert differs()
    (folder / "task.yaml").write_text("name: t\nlicence: CC0\n")
    assert differs()
    (folder / "task.yaml").write_text("name: t\nlicence: CC1\n")
    assert differs()
    make_crema_d(tmp_path)
    assert differs()
    (tmp_path / "CREMA-D/AudioWAV/1003_DFA_ANG_XX.wav").unlink()
    assert differs()
    (tmp_path / "tfds/crema_d/1.0.0").mkdir(parents=True)
    (tmp_path / "tfds/crema_d/1.0.0/dataset_info.json").write_text("{}")
    assert differs()
    (tmp_path / "tfds/crema_d/1.0.0/crema_d-train.tfrecord").write_bytes(b"x")
    assert differs()
    monkeypatch.setattr(choice, "catalogue", lambda: {"emotion": _EMOTION.model_copy(update={"version": 2})})
    assert differs()


def test_what_may_be_downloaded_is_prepared_before_the_run_if_nothing_else_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task(tmp_path / "mine")
    prepared = []

    def prepare(source: TfdsSource, data_dir: Path) -> None:
        prepared.append(source.builder)
        if len(prepared) > 1:
            raise SourceMissing("it has to be fetched by hand")
        (data_dir / "crema_d/1.0.0").mkdir(parents=True)
        (data_dir / "crema_d/1.0.0/dataset_info.json").write_text("{}")

    monkeypatch.setattr(sources, "prepare", prepare)
    settings = settings_of(tmp_path, require="all", download=True)
    TaskSources.of(settings).check()
    assert prepared == []
    digest = TaskSources.of(settings).digest()
    assert prepared == ["crema_d"]
    assert TaskSources.of(settings).digest() == digest
    assert prepared == ["crema_d"]
    (tmp_path / "tfds/crema_d/1.0.0/dataset_info.json").unlink()
    with pytest.raises(IngestError, match=r"noss\.require: .* 'emotion' is not here: .*by hand; to get it"):
        TaskSources.of(settings).digest()
    assert TaskSources.of(settings_of(tmp_path, download=True)).digest() != digest
    make_crema_d(tmp_path)
    TaskSources.of(settings).digest()
    assert len(prepared) == 3


def test_how_to_obtain() -> None:
    assert how_to_obtain(_OBTAIN) == "run tfds build crema_d; https://example.org/crema_d; 2 GB"
    assert how_to_obtain(Obtain()) == "its record does not say how to get it"
