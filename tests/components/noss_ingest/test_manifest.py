from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.audio.intake_report import IngestError
from components.noss_ingest.leaks import check_manifest
from components.noss_ingest.manifest import ManifestError, ManifestRow, read_manifest
from components.noss_ingest.settings import NossIngestSettings, NossTask, SpeakerDisjoint
from components.noss_ingest.sources import check_sources, find_tasks, sources_digest
from components.noss_ingest.subset import stratified_subset
from tests.components.noss_ingest.tasks import HEADER, edit, make_task


def check(folder: Path, speaker_disjoint: SpeakerDisjoint = False) -> None:
    manifest = folder / "manifest.csv"
    check_manifest(read_manifest(manifest), str(manifest), speaker_disjoint)


def test_rows(tmp_path: Path) -> None:
    rows = read_manifest(make_task(tmp_path / "t") / "manifest.csv")
    assert rows[3] == ManifestRow(
        file="audio/high3.wav",
        path=str(tmp_path / "t/audio/high3.wav"),
        label="high",
        speaker_id="test_speaker",
        split="test",
        fold="3",
        line=5,
    )
    check(tmp_path / "t", speaker_disjoint=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "m.csv:1: without column file, label, speaker_id, split, fold; needed are file,label",
        ),
        ("file,label,split\n", "m.csv:1: without column speaker_id, fold; needed are"),
        (
            HEADER + "a.wav,x,,training,\n",
            "m.csv:2: unknown split 'training'; accepted are train, validation, test",
        ),
        (HEADER + "a.wav,x,,train,\nb.wav,,,train,\n", "m.csv:3: the label is empty"),
        (HEADER + ",x,,train,\n", "m.csv:2: the file is empty"),
        (HEADER + "a.wav,x,train\n", "m.csv:2: not as many fields as the header has columns"),
        (HEADER + "a.wav,x,,train,1,2\n", "m.csv:2: not as many fields as the header has columns"),
        (HEADER + '"a.wav,x,,train,\n', "m.csv:2: not a CSV row"),
    ],
)
def test_malformed_manifests(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "m.csv")
    assert message in str(caught.value)


def test_a_split_is_absent(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",test,", ",train,"))
    with pytest.raises(
        ManifestError, match=r"manifest\.csv: no row of split 'test'; needed are train, validation"
    ):
        check(folder)


def test_a_label_that_train_lacks(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/low3.wav,low", "audio/low3.wav,middle")
    with pytest.raises(
        ManifestError, match=r"csv:9: label 'middle' of split 'test' is never in train; train has hi"
    ):
        check(folder)


@pytest.mark.parametrize("spelling", ["audio/high0.wav", "./audio/../audio/high0.wav"])
def test_one_file_in_two_splits(tmp_path: Path, spelling: str) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/high3.wav", spelling)
    with pytest.raises(ManifestError) as caught:
        check(folder)
    assert (
        f"manifest.csv:5: leak: file '{spelling}' is in split 'test' and, at line 2, in split 'train'"
        in str(caught.value)
    )


def test_one_speaker_in_two_splits(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/low3.wav,low,test_speaker", "audio/low3.wav,low,train_speaker")
    check(folder)
    for setting in (True, "auto"):
        with pytest.raises(
            ManifestError, match=r"csv:9: leak: speaker 'train_speaker' is in split 'test' and, at lin"
        ):
            check(folder, setting)


def test_auto_accepts_tasks_whose_speakers_are_shared_by_design(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    for split in ("train", "validation", "test"):
        text = text.replace(f"{split}_speaker", "ann")
    manifest.write_text(text)
    check(folder, "auto")
    with pytest.raises(ManifestError, match="leak: speaker 'ann'"):
        check(folder, True)


def test_unknown_speakers_are_not_one_speaker(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    for split in ("train", "validation", "test"):
        text = text.replace(f"{split}_speaker", "")
    manifest.write_text(text)
    check(folder, True)


def rows_of(counts: dict[tuple[str, str], int]) -> list[ManifestRow]:
    names = [(split, label, number) for (split, label), size in counts.items() for number in range(size)]
    return [
        ManifestRow(f"{split}{label}{number}.wav", "", label, "", split, "", line)
        for line, (split, label, number) in enumerate(names, 2)
    ]


def test_subset_keeps_the_shares() -> None:
    rows = rows_of(
        {("train", "a"): 60, ("train", "b"): 20, ("validation", "a"): 10, ("test", "a"): 9, ("test", "b"): 1}
    )
    subset = stratified_subset(rows, 20)
    # 20 % of each: 12, 4, 2, 1.8 and 0.2; the last one is kept at one.
    assert Counter((row.split, row.label) for row in subset) == {
        ("train", "a"): 12, ("train", "b"): 4, ("validation", "a"): 2, ("test", "a"): 1, ("test", "b"): 1,
    }  # fmt: skip
    assert subset == stratified_subset(rows, 20)
    assert [row.line for row in subset] == sorted(row.line for row in subset)
    assert subset != [row for row in rows if row in subset[:1]]
    assert stratified_subset(rows, 0) == rows
    assert stratified_subset(rows, 1000) == rows
    assert len(stratified_subset(rows, 2)) == 5


def test_tasks_by_folder(tmp_path: Path) -> None:
    make_task(tmp_path / "b_task")
    make_task(tmp_path / "a_task")
    (tmp_path / "no_task").mkdir()
    found = find_tasks(NossIngestSettings(speaker_disjoint="auto", limit=7), tmp_path, synthetic=True)
    assert [(source.task.name, source.limit) for source in found] == [("a_task", 7), ("b_task", 7)]
    assert all(source.task.synthetic and source.task.speaker_disjoint == "auto" for source in found)


def test_tasks_by_list(tmp_path: Path) -> None:
    make_task(tmp_path / "x")
    tasks = (NossTask(name="mine", manifest="x/manifest.csv", limit=3),)
    (found,) = find_tasks(NossIngestSettings(tasks=tasks, limit=7), tmp_path)
    assert (found.task.name, found.limit, found.manifest) == ("mine", 3, tmp_path / "x/manifest.csv")


def test_absent_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"noss\.root: is empty; accepted is a folder of tasks"):
        check_sources(NossIngestSettings(), "noss")
    with pytest.raises(IngestError, match=r"noss\.root: there is no folder '/no/such'"):
        check_sources(NossIngestSettings(root="/no/such"), "noss")
    with pytest.raises(IngestError, match=r"noss\.root: no sub-folder of '.*' has a manifest\.csv"):
        check_sources(NossIngestSettings(root=str(tmp_path)), "noss")
    tasks = (NossTask(name="mine", manifest="x.csv"),)
    with pytest.raises(
        IngestError, match=r"noss\.tasks\.0\.manifest: there is no file '.*x\.csv' for task 'mine'"
    ):
        check_sources(NossIngestSettings(root=str(tmp_path), tasks=tasks), "noss")


def test_settings_refuse_two_tasks_of_one_name_and_a_third_truth() -> None:
    task = NossTask(name="a", manifest="m.csv")
    with pytest.raises(ValidationError, match="two tasks are called 'a'"):
        NossIngestSettings(tasks=(task, task))
    with pytest.raises(ValidationError):
        NossTask(name="a/b", manifest="m.csv")
    with pytest.raises(ValidationError):
        NossTask(name="a", manifest="m.csv", speaker_disjoint="maybe")
    assert (
        NossTask.model_validate({"name": "a", "manifest": "m", "speaker_disjoint": "False"}).speaker_disjoint
        is False
    )


def test_digest_sees_a_changed_clip(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    settings = NossIngestSettings(root=str(tmp_path))
    before = sources_digest(settings)
    assert sources_digest(settings) == before
    (folder / "audio/high0.wav").write_bytes(b"other")
    assert sources_digest(settings) != before


def test_real_tasks_have_no_leaks(shared_data: Path) -> None:
    settings = NossIngestSettings(root=str(shared_data / "noss"))
    for source in find_tasks(settings, settings.root):
        check(source.manifest.parent, "auto")
