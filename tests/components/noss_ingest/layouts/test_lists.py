"""Layouts that have a list of their clips: VoxCeleb1, masked speech, ESC-50, ASVspoof 2019."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from components.noss_ingest.layouts import read_layout
from components.noss_ingest.rows import SourceError, SourceMissing
from components.noss_ingest.splits import with_splits
from schemas.noss_tasks import SplitRule
from tests.components.noss_ingest.layouts import trees


def test_voxceleb1_takes_the_identification_split(tmp_path: Path) -> None:
    rows = read_layout("voxceleb1", trees.voxceleb1(tmp_path))

    assert [(row.file, row.split) for row in rows] == [
        ("id10001/video-A_1/00001.wav", "train"),
        ("id10001/video-A_1/00002.wav", "validation"),
        ("id10001/gone/00009.wav", "test"),
        ("id11251/videoB/00003.wav", "train"),
        ("id10270/videoC/00001.wav", "test"),
    ]
    assert [row.label for row in rows] == [row.speaker_id for row in rows]
    assert [row.label for row in rows] == ["id10001"] * 3 + ["id11251", "id10270"]
    assert [row.sex for row in rows] == ["male"] * 3 + ["", "female"]
    assert rows[4].path == f"{tmp_path}/test/wav/id10270/videoC/00001.wav"
    assert rows[1].place == f"{tmp_path}/iden_split.txt:2"


def test_voxceleb1_finds_both_archives_in_one_folder(tmp_path: Path) -> None:
    trees.voxceleb1(tmp_path)
    (tmp_path / "dev/wav").rename(tmp_path / "wav")
    (tmp_path / "test/wav/id10270").rename(tmp_path / "wav/id10270")

    rows = read_layout("voxceleb1", tmp_path)

    assert rows[4].path == f"{tmp_path}/wav/id10270/videoC/00001.wav"


def test_voxceleb1_without_sound_is_not_there(tmp_path: Path) -> None:
    trees.text(tmp_path / "iden_split.txt", "1 id10001/video/00001.wav\n")
    with pytest.raises(SourceMissing, match="there is none of wav, dev/wav, test/wav"):
        read_layout("voxceleb1", tmp_path)


@pytest.mark.parametrize("line", ["4 id10001/a/00001.wav", "1 id20001/a/00001.wav", "1 ../00001.wav", "1"])
def test_voxceleb1_refuses_another_line(line: str, tmp_path: Path) -> None:
    trees.edit(trees.voxceleb1(tmp_path) / "iden_split.txt", "3 id10001/gone/00009.wav", line)
    with pytest.raises(SourceError, match=r"iden_split\.txt:3: .*; accepted: 1, 2 or 3 and a file"):
        read_layout("voxceleb1", tmp_path)


def test_masked_speech_takes_the_partitions_where_test_has_labels(tmp_path: Path) -> None:
    rows = read_layout("masked_speech", trees.masked_speech(tmp_path, test_label="mask"))

    assert {row.file.split("_")[0]: row.split for row in rows} == {
        "wav/train": "train",
        "wav/devel": "validation",
        "wav/test": "test",
    }
    assert (len(rows), rows[0].label, rows[1].label, rows[-1].label) == (12, "mask", "clear", "mask")
    assert rows[-1].place == f"{tmp_path}/lab/labels.csv:13"


def test_masked_speech_tests_on_devel_where_test_has_no_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tinytrill.noss_ingest"):
        rows = read_layout("masked_speech", trees.masked_speech(tmp_path))

    splits = {row.file: row.split for row in rows}
    assert splits.pop("wav/devel_00001.wav") == splits.pop("wav/devel_00002.wav") == "test"
    assert splits.pop("wav/train_00008.wav") == "validation"
    assert set(splits.values()) == {"train"} and len(splits) == 8
    assert "has no labels of test" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("train_00002.wav,clear", "train_00002.wav,none", "unknown label 'none'; accepted: clear, mask"),
        ("train_00002.wav,clear", "dev_00002.wav,clear", "unknown file 'dev_00002.wav'; accepted: names"),
    ],
)
def test_masked_speech_refuses_other_rows(old: str, new: str, message: str, tmp_path: Path) -> None:
    trees.edit(trees.masked_speech(tmp_path) / "lab/labels.csv", old, new)
    with pytest.raises(SourceError, match=rf"labels\.csv:3: {message}"):
        read_layout("masked_speech", tmp_path)


def test_esc50_takes_the_human_sounds_and_their_folds(tmp_path: Path) -> None:
    rows = read_layout("esc50_human", trees.esc50(tmp_path / "ESC-50-master").parent)

    assert [(row.file, row.label, row.fold, row.split) for row in rows] == [
        ("audio/1-17092-A-27.wav", "brushing_teeth", "1", ""),
        ("audio/5-151085-A-20.wav", "crying_baby", "5", ""),
        ("audio/3-108160-A-29.wav", "drinking_sipping", "3", ""),
    ]
    splits = with_splits(rows, SplitRule(rule="folds"))
    assert [row.split for row in splits] == ["train", "test", "validation"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",1,27,brushing_teeth", ",6,27,brushing_teeth", "unknown fold '6'; accepted: 1, 2, 3, 4, 5"),
        (",1,27,brushing_teeth", ",1,27,snoring", "target 27 is 'snoring'; accepted: 'brushing_teeth'"),
    ],
)
def test_esc50_refuses_other_rows(old: str, new: str, message: str, tmp_path: Path) -> None:
    trees.edit(trees.esc50(tmp_path) / "meta/esc50.csv", old, new)
    with pytest.raises(SourceError, match=rf"esc50\.csv:3: {message}"):
        read_layout("esc50_human", tmp_path)


def test_asvspoof_takes_the_partitions(tmp_path: Path) -> None:
    rows = read_layout("asvspoof2019_la", trees.asvspoof2019_la(tmp_path))

    assert [(row.file, row.label, row.speaker_id, row.split) for row in rows] == [
        ("ASVspoof2019_LA_train/flac/LA_T_1138215.flac", "bonafide", "LA_0079", "train"),
        ("ASVspoof2019_LA_train/flac/LA_T_1004644.flac", "spoof", "LA_0079", "train"),
        ("ASVspoof2019_LA_dev/flac/LA_D_1047731.flac", "bonafide", "LA_0069", "validation"),
        ("ASVspoof2019_LA_eval/flac/LA_E_2834763.flac", "spoof", "LA_0039", "test"),
    ]


@pytest.mark.parametrize("line", ["LA_0039 LA_E_2834763 - A11 fake", "LA_E_2834763 - A11 spoof"])
def test_asvspoof_refuses_other_trials(line: str, tmp_path: Path) -> None:
    protocols = trees.asvspoof2019_la(tmp_path) / "LA/ASVspoof2019_LA_cm_protocols"
    trees.text(protocols / "ASVspoof2019.LA.cm.eval.trl.txt", f"{line}\n")
    with pytest.raises(SourceError, match=r"eval\.trl\.txt:1: .*; accepted: a trial as in 'LA_0079"):
        read_layout("asvspoof2019_la", tmp_path)


def test_asvspoof_without_a_protocol_is_not_there(tmp_path: Path) -> None:
    protocols = trees.asvspoof2019_la(tmp_path) / "LA/ASVspoof2019_LA_cm_protocols"
    (protocols / "ASVspoof2019.LA.cm.dev.trl.txt").unlink()
    with pytest.raises(SourceMissing, match=r"there is no file .*cm\.dev\.trl\.txt"):
        read_layout("asvspoof2019_la", tmp_path)
