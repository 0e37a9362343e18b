from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile

from pipeline.configuration.config_file import ConfigError
from pipeline.heads.clips import decode_clips
from pipeline.heads.listing import list_clips
from tests.pipeline.heads.conftest import RATE, sound, write_clips, write_manifest

SPLITS = ("train", "validation", "test")


def given(labels: tuple[str, ...] = ("cough", "other"), per_split: int = 3) -> list[tuple[str, str, str]]:
    return [(label, f"{split}{i}", split) for split in SPLITS for label in labels for i in range(per_split)]


def test_one_folder_a_label(tmp_path: Path) -> None:
    listed = list_clips(write_clips(tmp_path / "my clips!", count=4, speakers=4))
    assert listed.drawn and listed.labels == ["cough", "other"]
    assert {row.speaker_id for row in listed.rows} == {"s0", "s1", "s2", "s3"}
    assert listed.record.name == "my-clips" and listed.record.metric == "balanced_accuracy"


def test_folders_of_splits(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        for index, label in enumerate(("cough", "other")):
            (tmp_path / split / label).mkdir(parents=True)
            soundfile.write(tmp_path / split / label / "a.wav", sound(500, 10 * number + index), RATE)
    listed = list_clips(tmp_path)
    assert not listed.drawn
    assert sorted((row.split, row.label) for row in listed.rows) == sorted(
        (split, label) for split in SPLITS for label in ("cough", "other")
    )


def test_folds_keep_speakers_and_equal_sounds_together_and_spread_labels(tmp_path: Path) -> None:
    folder = write_clips(tmp_path / "people", count=12, speakers=6)
    for path in list((folder / "other").iterdir()):
        path.rename(path.with_name(f"other-{path.name}"))
    clips = decode_clips(list_clips(folder)).clips
    folds: dict[str, set[str]] = {clip.speaker_id: set() for clip in clips}
    for clip in clips:
        folds[clip.speaker_id].add(clip.group)
    assert all(len(found) == 1 for found in folds.values())
    for fold in {clip.group for clip in clips}:
        assert {clip.label for clip in clips if clip.group == fold} == {"cough", "other"}
    assert len({clip.group for clip in clips}) == 5

    plain = write_clips(tmp_path / "plain", count=5)
    shutil.copy(plain / "cough" / "00.wav", plain / "cough" / "copy.wav")
    twice = {clip.clip_id.rpartition("/")[2]: clip.group for clip in decode_clips(list_clips(plain)).clips
             if clip.label == "cough"}  # fmt: skip
    assert twice["00.wav"] == twice["copy.wav"]


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        decode_clips(list_clips(folder))


def test_what_is_no_folder_of_labelled_clips_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "there is no folder '.*nowhere'; accepted: a folder with a manifest.csv")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no sound file below .*empty, it is empty; accepted: ")
    (tmp_path / "text" / "cough").mkdir(parents=True)
    (tmp_path / "text" / "cough" / "a.txt").write_text("?")
    refused(tmp_path / "text", r"no sound file below .*, there are files such as a.txt; accepted: .*\.wav")
    folder = write_clips(tmp_path / "loose", count=3)
    soundfile.write(folder / "x.wav", sound(500, 99), RATE)
    refused(folder, "x.wav is in no label's folder")
    (write_clips(tmp_path / "hollow", count=3) / "sneeze").mkdir()
    refused(tmp_path / "hollow", "the folder .*sneeze holds no sound file")


def test_labels_that_cannot_be_learnt_are_refused(tmp_path: Path) -> None:
    refused(
        write_clips(tmp_path / "one", labels=("cough",)), "all 10 clips have the label 'cough'; accepted: two"
    )
    spaced = write_clips(tmp_path / "spaced", count=3, labels=("cough ", "other"))
    refused(
        spaced, r"label 'cough ' \(.*\) begins or ends with a space, or has line breaks; accepted: a line"
    )
    case = write_manifest(tmp_path / "case", [*given(), ("Cough", "x", "train")])
    refused(
        case,
        r"labels 'cough' \(.*csv:2\) and 'Cough' \(.*csv:20\) differ by case only; accepted: one spelling",
    )
    refused(write_clips(tmp_path / "few", count=2), r"label 'cough' has 2 clips \(.*\); accepted: 3 or more")
    refused(
        write_clips(tmp_path / "speakers", count=6, speakers=2),
        "label 'cough' has 2 speakers .*; accepted: 3",
    )
    half = [row for row in given() if row[0] == "cough" or row[2] == "train"]
    refused(
        write_manifest(tmp_path / "half", half),
        "label 'other' is in split 'train' only .*; accepted: clips of",
    )
    late = [row for row in given() if row[0] == "cough" or row[2] != "train"]
    refused(write_manifest(tmp_path / "late", late), "label 'other' of split 'validation' is never in train")


def test_what_leaks_is_refused(tmp_path: Path) -> None:
    shared = [
        (label, "ann" if speaker.endswith("0") else speaker, split) for label, speaker, split in given()
    ]
    refused(
        write_manifest(tmp_path / "speaker", shared),
        "leak: speaker 'ann' is in split 'validation' and, at .*csv:2, in split 'train'.*false in task",
    )
    (tmp_path / "speaker" / "task.yaml").write_text("name: speaker\nspeaker_disjoint: false\n")
    assert decode_clips(list_clips(tmp_path / "speaker")).clips
    folder = write_manifest(tmp_path / "sound", given())
    shutil.copy(folder / "0.wav", folder / "12.wav")
    refused(folder, "leak: the clip sounds the same, sample by sample, as .*csv:2")
    shutil.copy(folder / "0.wav", folder / "3.wav")
    refused(folder, "is labelled 'other' and sounds the same, sample by sample, as .*, labelled 'cough'")


def test_a_speaker_may_be_what_is_asked(tmp_path: Path) -> None:
    rows = [(name, name, split) for split in SPLITS for name in ("ann", "bob") for _ in range(2)]
    assert decode_clips(list_clips(write_manifest(tmp_path, rows))).clips


def test_broken_clips_are_left_out_with_their_reason_unless_too_few_are_left(tmp_path: Path) -> None:
    folder = write_clips(tmp_path, count=4)
    (folder / "cough" / "00.wav").write_bytes(b"RIFF")
    labelled = decode_clips(list_clips(folder))
    assert len(labelled.clips) == 7
    (line,) = labelled.left_out
    assert line.startswith("cough/00.wav: ")
    (folder / "cough" / "01.wav").write_bytes(b"RIFF")
    refused(folder, "label 'cough' has 2 clips")
