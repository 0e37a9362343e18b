from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from components.common.audio.intake_report import IngestError
from components.noss_ingest import choice
from components.noss_ingest.choice import wanted_tasks
from components.noss_ingest.rows import SourceError
from components.noss_ingest.settings import NossIngestSettings
from schemas.noss_tasks import LayoutSource, ManifestSource, TaskRecord, TaskRecordError
from tests.components.noss_ingest.tasks import make_task

_CATALOGUE = {
    "birds": TaskRecord(name="birds", sources=(ManifestSource(file="song/manifest.csv"),)),
    "words": TaskRecord(name="words", sources=(LayoutSource(layout="savee", folder="WORDS"),)),
}


@pytest.fixture(autouse=True)
def small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "catalogue", lambda: _CATALOGUE)


def names(settings: NossIngestSettings, root: Path, synthetic: bool = False) -> list[str]:
    return [task.record.name for task in wanted_tasks(settings, root, synthetic)]


def test_without_a_list_it_is_the_catalogue_and_every_folder(tmp_path: Path) -> None:
    make_task(tmp_path / "b_task")
    make_task(tmp_path / "song")
    make_task(tmp_path / ".hidden")
    (tmp_path / "no_task").mkdir()
    (tmp_path / "file.txt").write_text("")
    # The folder 'song' is the catalogue's 'birds'.
    assert names(NossIngestSettings(), tmp_path) == ["b_task", "birds", "words"]
    assert names(NossIngestSettings(), tmp_path, synthetic=True) == ["b_task"]


def test_a_folder_without_a_record_gets_the_usual_one(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    (task,) = wanted_tasks(NossIngestSettings(tasks=("mine",), limit=7), tmp_path)
    assert task.record == TaskRecord(
        name="mine", speaker_disjoint="auto", sources=(ManifestSource(file="mine/manifest.csv"),)
    )
    assert (task.limit, task.required) == (7, False)


def test_a_folders_own_record(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    (tmp_path / "mine/task.yaml").write_text("name: birds\nmetric: macro_f1\nlicence: CC0\n")
    (task,) = wanted_tasks(NossIngestSettings(tasks=("birds",)), tmp_path)
    assert (task.record.metric, task.record.licence) == ("macro_f1", "CC0")
    assert task.record.sources == (ManifestSource(file="mine/manifest.csv"),)


def test_names_records_and_limits(tmp_path: Path) -> None:
    settings = NossIngestSettings.model_validate(
        {
            "tasks": [
                "words",
                {"name": "birds", "limit": 3},
                {"record": {"name": "own", "sources": [{"kind": "manifest", "file": "x.csv"}]}, "limit": 0},
            ],
            "limit": 7,
            "require": ["birds"],
        }
    )
    tasks = wanted_tasks(settings, tmp_path)
    assert [(task.record.name, task.limit, task.required) for task in tasks] == [
        ("words", 7, False), ("birds", 3, True), ("own", 0, False),
    ]  # fmt: skip
    assert NossIngestSettings.from_parameter(settings.to_parameter()) == settings


def test_all_are_required(tmp_path: Path) -> None:
    settings = NossIngestSettings(tasks=("words", "birds"), require="all")
    assert all(task.required for task in wanted_tasks(settings, tmp_path))


def test_what_nothing_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"noss\.tasks\.1: there is no task 'bird'; did you mean 'birds'\?"):
        wanted_tasks(NossIngestSettings(tasks=("words", "bird")), tmp_path)
    with pytest.raises(IngestError, match=r"noss\.require\.0: 'birds' is not one of the tasks; .* words"):
        wanted_tasks(NossIngestSettings(tasks=("words",), require=("birds",)), tmp_path)


def test_folders_that_cannot_be_tasks(tmp_path: Path) -> None:
    make_task(tmp_path / "1/words")
    with pytest.raises(SourceError, match=r"1/words: 'words' is a task of the catalogue, which does not"):
        wanted_tasks(NossIngestSettings(), tmp_path / "1")
    make_task(tmp_path / "2/my words")
    with pytest.raises(SourceError, match=r"2/my words: .*as the name of a task"):
        wanted_tasks(NossIngestSettings(), tmp_path / "2")
    for folder in ("a", "b"):
        make_task(tmp_path / "3" / folder)
        (tmp_path / "3" / folder / "task.yaml").write_text("name: same\n")
    with pytest.raises(SourceError, match=r"3/b: there is a task 'same' already"):
        wanted_tasks(NossIngestSettings(), tmp_path / "3")
    make_task(tmp_path / "4/c")
    (tmp_path / "4/c/task.yaml").write_text("name: c\ntitel: x\n")
    with pytest.raises(TaskRecordError, match=r"c/task\.yaml: titel: unknown key"):
        wanted_tasks(NossIngestSettings(), tmp_path / "4")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (["a", {"name": "a", "limit": 2}], "two tasks are named 'a'"),
        ([{}], "either the name of a task or its record"),
        ([{"name": "a", "record": _CATALOGUE["birds"].model_dump()}], "either the name of a task or its rec"),
        ([{"name": "a", "manifest": "m.csv"}], "Extra inputs are not permitted"),
        ([{"record": {"name": "a"}}], "Field required"),
        (["a", 3], "valid dictionary"),
    ],
)
def test_a_malformed_list_is_refused(tasks: list[object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NossIngestSettings.model_validate({"tasks": tasks})
