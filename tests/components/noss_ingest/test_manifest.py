from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.noss_ingest.manifest import read_manifest, scan_manifest
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow
from tests.components.noss_ingest.tasks import HEADER, make_task


def test_rows(tmp_path: Path) -> None:
    rows = read_manifest(make_task(tmp_path / "t") / "manifest.csv")
    assert rows[3] == TaskRow(
        file="audio/high3.wav",
        path=str(tmp_path / "t/audio/high3.wav"),
        label="high",
        place=f"{tmp_path}/t/manifest.csv:5",
        speaker_id="test_speaker",
        split="test",
        fold="3",
    )


def test_what_else_is_known(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "file,label,speaker_id,split,fold,sex,age,seconds,start_s\n"
        "a.wav,x,ann,,,f,31,1.5,2\n"
        "a.wav,y,ann,,,f,31,1.5,\n"
        "b.wav,x,ann,,,,,,\n"
    )
    first, second, third = read_manifest(tmp_path / "m.csv")
    assert (first.sex, first.age, first.start_s, first.seconds) == ("f", "31", 2.0, 1.5)
    # Two parts of a file are two clips, whose ids must differ.
    assert (first.file, second.file) == ("a.wav#2+1.5", "a.wav#0+1.5")
    assert first.path == second.path == str(tmp_path / "a.wav")
    assert (third.file, third.start_s, third.seconds, third.split) == ("b.wav", 0.0, None, "")


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
            "m.csv:2: unknown split 'training'; accepted: train, validation, test",
        ),
        (HEADER + "a.wav,x,,train,\nb.wav,,,train,\n", "m.csv:3: the label is empty"),
        (HEADER + ",x,,train,\n", "m.csv:2: the file is empty"),
        (HEADER + "a.wav,x,train\n", "m.csv:2: not as many fields as the header has columns"),
        (HEADER + "a.wav,x,,train,1,2\n", "m.csv:2: not as many fields as the header has columns"),
        (HEADER + '"a.wav,x,,train,\n', "m.csv:2: not a CSV row"),
        (
            "start_s," + HEADER + "soon,a.wav,x,,train,\n",
            "m.csv:2: start_s is 'soon'; accepted: seconds from 0",
        ),
        ("seconds," + HEADER + "-1,a.wav,x,,train,\n", "m.csv:2: seconds is '-1'"),
        ("seconds," + HEADER + "nan,a.wav,x,,train,\n", "m.csv:2: seconds is 'nan'"),
    ],
)
def test_malformed_manifests(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(SourceError) as caught:
        read_manifest(tmp_path / "m.csv")
    assert message in str(caught.value)


def test_every_problem_is_found_and_the_other_rows_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(HEADER + "a.wav,x,,training,\nb.wav,x,,train,\nc.wav,,,train,\n")
    rows, problems = scan_manifest(manifest)
    assert [row.file for row in rows] == ["b.wav"]
    assert [problem.partition(": ")[0] for problem in problems] == [f"{manifest}:2", f"{manifest}:4"]
    with pytest.raises(SourceError, match=r"m\.csv:2: .*\(and 1 more problems\)"):
        read_manifest(manifest)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(HEADER.encode() + "ä.wav,x,,train,\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"m\.csv: not UTF-8 text"):
        read_manifest(tmp_path / "m.csv")


def test_an_absent_manifest_is_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"there is no file .*m\.csv"):
        read_manifest(tmp_path / "m.csv")


def test_a_file_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "m.csv").write_bytes(HEADER.encode() + b"caf\xe9.wav,x,,train,\n")
    (row,) = read_manifest(tmp_path / "m.csv")
    assert Path(row.path).is_file()
    assert row.file == r"caf\xe9.wav"


@pytest.mark.parametrize(
    "line", [b"a.wav,caf\xe9,,train,", b"a.wav,x,caf\xe9,train,", b"gone\xe9.wav,x,,train,"]
)
def test_what_else_is_not_utf_8_is_said_with_its_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(HEADER.encode() + b"a.wav,x,,train,\n" + line + b"\n")
    with pytest.raises(SourceError, match=r"m\.csv: not UTF-8 text: line 3, '.*\\xe9"):
        read_manifest(tmp_path / "m.csv")


def test_a_manifest_in_another_encoding_or_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes((HEADER + "a.wav,x,,train,\n").encode("utf-16"))
    with pytest.raises(SourceError, match=r"m\.csv: not UTF-8 text"):
        read_manifest(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(SourceError, match=r"m\.csv: a Git LFS pointer"):
        read_manifest(tmp_path / "m.csv")
