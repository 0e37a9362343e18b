from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.noss_ingest.leaks import check_rows, problems_of
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.rows import SourceError, TaskRow
from schemas.noss_tasks import ManifestSource, SpeakerDisjoint, TaskRecord
from tests.components.noss_ingest.tasks import edit, make_task


def record(speaker_disjoint: SpeakerDisjoint = False, labels: tuple[str, ...] = ()) -> TaskRecord:
    return TaskRecord(
        name="t",
        speaker_disjoint=speaker_disjoint,
        labels=labels,
        sources=(ManifestSource(file="t/manifest.csv"),),
    )


def check(folder: Path, speaker_disjoint: SpeakerDisjoint = False) -> None:
    check_rows(read_manifest(folder / "manifest.csv"), record(speaker_disjoint))


def test_a_sound_task(tmp_path: Path) -> None:
    check(make_task(tmp_path / "t"), speaker_disjoint=True)


def test_a_split_is_absent(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",test,", ",train,"))
    with pytest.raises(SourceError, match=r"t: no row of split 'test'; needed are train, validation"):
        check(folder)


def test_a_label_that_train_lacks(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/low3.wav,low", "audio/low3.wav,middle")
    with pytest.raises(
        SourceError, match=r"csv:9: label 'middle' of split 'test' is never in train; train has hi"
    ):
        check(folder)


def test_a_label_that_the_record_lacks(tmp_path: Path) -> None:
    rows = read_manifest(make_task(tmp_path / "t") / "manifest.csv")
    check_rows(rows, record(labels=("low", "high", "never heard")))
    with pytest.raises(SourceError, match=r"csv:2: unknown label 'high'; the task has low, lower"):
        check_rows(rows, record(labels=("low", "lower")))


@pytest.mark.parametrize("spelling", ["audio/high0.wav", "./audio/../audio/high0.wav"])
def test_one_file_in_two_splits(tmp_path: Path, spelling: str) -> None:
    folder = make_task(tmp_path / "t")
    manifest = edit(folder, "audio/high3.wav", spelling)
    with pytest.raises(SourceError) as caught:
        check(folder)
    assert (
        f"{manifest}:5: leak: file '{spelling}' is in split 'test' and, at {manifest}:2, in split 'train'"
    ) in str(caught.value)


def part(split: str, start: float, seconds: float | None, path: str = "/a.wav") -> TaskRow:
    return TaskRow(f"{path}#{start}", path, "x", f"m:{start}", split=split, start_s=start, seconds=seconds)


@pytest.mark.parametrize(
    ("rows", "leaking"),
    [
        ([part("train", 0, 2), part("validation", 2, 2), part("test", 4, None)], []),
        ([part("test", 2, 2), part("validation", 9, 1), part("train", 0, 2.5)], ["m:2"]),
        ([part("train", 0, None), part("validation", 5, 1), part("test", 7, 1)], ["m:5", "m:7"]),
        # The long one covers the last, though another has ended in between.
        ([part("train", 0, 9), part("train", 1, 1), part("validation", 99, 1), part("test", 8, 1)], ["m:8"]),
        ([part("train", 0, 2), part("validation", 1, 2, "/b.wav"), part("test", 1, 2, "/c.wav")], []),
    ],
)
def test_parts_of_a_file_may_be_in_two_splits_if_they_do_not_overlap(
    rows: list[TaskRow], leaking: list[str]
) -> None:
    problems = [problem for problem in problems_of(rows, record()) if "leak" in problem]
    assert [re.sub(r"(\.0)?: .*", "", problem) for problem in problems] == leaking


def test_one_speaker_in_two_splits(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/low3.wav,low,test_speaker", "audio/low3.wav,low,train_speaker")
    check(folder)
    for setting in (True, "auto"):
        with pytest.raises(
            SourceError, match=r"csv:9: leak: speaker 'train_speaker' is in split 'test' and, at .*csv:2"
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
    with pytest.raises(SourceError, match="leak: speaker 'ann'"):
        check(folder, True)


def test_unknown_speakers_are_not_one_speaker(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    for split in ("train", "validation", "test"):
        text = text.replace(f"{split}_speaker", "")
    manifest.write_text(text)
    check(folder, True)


def test_all_problems_are_told(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "t")
    edit(folder, "audio/high3.wav,high,test_speaker", "audio/high0.wav,height,train_speaker")
    problems = list(problems_of(read_manifest(folder / "manifest.csv"), record(True, ("high", "low"))))
    assert [problem.split("csv:5: ")[1][:12] for problem in problems] == [
        "unknown labe", "leak: file '", "leak: speake",
    ]  # fmt: skip


def test_real_tasks_have_no_leaks(shared_data: Path) -> None:
    manifests = sorted((shared_data / "noss").glob("*/manifest.csv"))
    assert len(manifests) == 7
    for manifest in manifests:
        check(manifest.parent, "auto")
