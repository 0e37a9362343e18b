from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.common.audio.shard_writer import ContentDigest
from components.noss_ingest.leaks import check_contents, check_rows, problems_of
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.rows import SourceError, TaskRow
from schemas.noss_tasks import ManifestSource, SpeakerDisjoint, SplitRule, TaskRecord
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


FOLDS = TaskRecord(
    name="t",
    split=SplitRule(rule="folds"),
    speaker_disjoint=True,
    sources=(ManifestSource(file="t/manifest.csv"),),
)


def cut(number: int, fold: str, file: str = "", start_s: float = 0.0, speaker: str = "") -> TaskRow:
    """A clip of five folds: 1 to 3 are train, 4 is validation, 5 is test."""
    split = {"4": "validation", "5": "test"}.get(fold, "train")
    name = file or f"{number}.wav"
    return TaskRow(
        file=f"{name}#{number}", path=f"/t/{name}", label="ab"[number % 2], place=f"m.csv:{number}",
        speaker_id=speaker, split=split, fold=fold, start_s=start_s, seconds=1.0,
    )  # fmt: skip


def whole() -> list[TaskRow]:
    return [cut(number, str(number // 2 + 1)) for number in range(10)]


def test_folds_that_keep_everything_together() -> None:
    check_rows(whole(), FOLDS)


@pytest.mark.parametrize("speaker_disjoint", [True, "auto"])
def test_a_speaker_in_two_folds_of_one_split(speaker_disjoint: SpeakerDisjoint) -> None:
    rows = [cut(n, str(n // 2 + 1), speaker=f"s{n // 2 + 1}") for n in range(10)]
    rows.append(cut(20, "2", speaker="s1"))
    record = FOLDS.model_copy(update={"speaker_disjoint": speaker_disjoint})
    with pytest.raises(
        SourceError,
        match=r"m.csv:20: leak: speaker 's1' is in fold '2' and, at m.csv:0, in fold '1'; .* one fold",
    ):
        check_rows(rows, record)
    by_split = FOLDS.model_copy(update={"split": SplitRule(rule="published")})
    check_rows(rows, by_split)


def test_cuts_of_one_recording_in_two_folds() -> None:
    # Five seconds apart: of two splits they may be, of two folds not.
    rows = [*whole(), cut(21, "1", "long.wav", 0.0), cut(22, "3", "long.wav", 5.0)]
    with pytest.raises(SourceError, match=r"file 'long.wav#22' is in fold '3' and, at m.csv:21, in fold '1'"):
        check_rows(rows, FOLDS)
    check_rows(rows, FOLDS.model_copy(update={"split": SplitRule(rule="published")}))


def test_the_same_samples_in_two_folds_of_one_split() -> None:
    digests = [
        ContentDigest(digest="same", clip_id=f"t/{n}", group="t/train", source=f"m.csv:{n}") for n in (1, 2)
    ]
    check_contents(digests, {})
    check_contents(digests, {"t/1": "2", "t/2": "2"})
    with pytest.raises(SourceError, match=r"m.csv:2: leak: the clip of fold '3' .* of fold '2' at m.csv:1"):
        check_contents(digests, {"t/1": "2", "t/2": "3"})
    check_contents(digests, {"t/1": "2", "t/2": "3"}, allowed=("t",))
