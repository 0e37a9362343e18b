"""Files that hold more than their segments, and names whose unit only the rows tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.holdings import what_files_hold
from components.audio_ingest.name_match import match_names
from components.audio_ingest.reading import read_sounds
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.decode import DecodedAudio
from components.common.audio.intake_report import IngestError
from tests.components.audio_ingest.corpora import (
    HEADER,
    make_corpus,
    pack_parquet,
    pack_tars,
    plan,
    row,
    ytid,
)
from tests.components.common.audio.sounds import dominant_hertz, sine, write_soundfile
from tests.components.executors import run_ingest


def recordings(root: Path, files: int = 4) -> Path:
    """Two rows a recording: at 4 s, where it sounds at 600 Hz, and at 8 s, where it sounds at 900 Hz."""
    make_corpus(root, 0, 1)
    write(root / "audios/eval_segments" / f"Y{ytid(1000)}.wav")
    for number in range(files):
        write(root / "audios/balanced_train_segments" / f"Y{ytid(number)}.wav")
    rows = [row(ytid(number), start=start, end=start + 2) for number in range(files) for start in (4.0, 8.0)]
    (root / "balanced_train_segments.csv").write_text(HEADER + "".join(rows))
    (root / "eval_segments.csv").write_text(HEADER + row(ytid(1000), start=8.0, end=10.0))
    return root


def write(path: Path) -> None:
    parts = [sine(4.0, 16_000, hertz) for hertz in (300.0, 600.0, 900.0)]
    write_soundfile(path, np.concatenate(parts), 16_000)


def settings(root: Path, **changes: object) -> AudioIngestSettings:
    return AudioIngestSettings(root=str(root), **changes)


def test_recordings_are_told_and_their_segments_cut_out(tmp_path: Path) -> None:
    root = recordings(tmp_path / "c")
    assert what_files_hold(settings(root), plan(root)) == "recordings"
    train = plan(root, files_hold="recordings")["train"]
    assert (train.rows, len(train.requests), len(train.left_out)) == (8, 8, 0)
    for request, sound in zip(train.requests, read_sounds(train.requests, settings(root)), strict=True):
        assert isinstance(sound, DecodedAudio)
        assert sound.duration_s == 2.0
        expected = 600 if request.clip_id.endswith("_4000_6000") else 900
        assert dominant_hertz(sound.samples) == pytest.approx(expected, abs=2)


@pytest.mark.slow
def test_recordings_in_shards_give_the_records_of_files(tmp_path: Path) -> None:
    reports = []
    for name, pack in (("files", None), ("tars", pack_tars), ("parquet", pack_parquet)):
        root = recordings(tmp_path / name)
        if pack is not None:
            pack(root, clips=3)
        reports.append(run_ingest(Executor, settings(root), tmp_path / f"run_{name}")[1])
    for report in reports:
        assert report.layout is not None and report.layout.files_hold == "recordings"
        assert (report.splits["train"].clips, report.splits["eval"].clips) == (8, 1)
        assert report.digest == reports[0].digest


@pytest.mark.slow
def test_a_clip_shorter_than_its_segment_is_counted_and_listed(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 3, 1)
    write_soundfile(root / f"audios/balanced_train_segments/Y{ytid(1)}.wav", sine(0.4, 16_000), 16_000)
    report = run_ingest(Executor, settings(root), tmp_path)[1]
    assert report.noted == {"train": {"shorter_than_segment": 1}}
    assert report.splits["train"].clips == 3
    listed = json.loads((tmp_path / "report/noted.jsonl").read_text())
    assert listed["clip_id"] == f"{ytid(1)}_30000_31000"
    assert listed["detail"] == "0.400 s of 1 s"


def test_segments_stay_segments(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c")
    assert what_files_hold(settings(root), plan(root)) == "segments"


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    root = recordings(tmp_path / "c")
    for number in range(2):
        path = root / "audios/balanced_train_segments" / f"Y{ytid(number)}.wav"
        write_soundfile(path, sine(2.0, 16_000), 16_000)
    with pytest.raises(
        IngestError, match=r"corpus\.files_hold: detect; of 5 files 2 are as long as their"
    ) as no:
        what_files_hold(settings(root), plan(root), "corpus")
    assert "Accepted: segments" in str(no.value) and "and recordings" in str(no.value)


def test_files_that_end_before_their_segment_are_no_recordings(tmp_path: Path) -> None:
    root = recordings(tmp_path / "c")
    (root / "balanced_train_segments.csv").write_text(
        HEADER + "".join(row(ytid(number), start=30, end=32) for number in range(4))
    )
    with pytest.raises(IngestError, match="4 are longer and end before that"):
        what_files_hold(settings(root), plan(root))


def test_what_the_setting_says_holds_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = recordings(tmp_path / "c")
    made = settings(root, files_hold="segments")
    assert what_files_hold(made, plan(root)) == "segments"
    assert "files_hold: segments; but of 5 files 0 are as long as their segments" in caplog.text
    assert what_files_hold(settings(root, files_hold="recordings"), plan(root)) == "recordings"


@pytest.mark.parametrize(
    "name",
    [
        "{}_000030_000031",
        "{}_30_31",
        "{}_30000_31000",
        "{}_30.000_31.000",
        "{}_30",
        "{}_30000",
        "{}_30000-31000",
    ],
)
def test_the_unit_of_names_is_that_of_the_rows(name: str, tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 5, 2)
    for path in list((root / "audios").rglob("*.wav")):
        path.rename(path.with_name(name.format(path.stem[1:]) + ".wav"))
    plans = plan(root)
    assert {split: len(made.requests) for split, made in plans.items()} == {"train": 5, "eval": 2}
    match = match_names(settings(root))
    assert (match.rows, match.looked_at, match.fitting, match.whole) == (7, 7, 7, True)


def test_another_start_is_no_other_unit(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 5, 2)
    for number, path in enumerate(sorted((root / "audios").rglob("*.wav"))):
        start = 30 if number else 77
        path.rename(path.with_name(f"{path.stem[1:]}_{start}_{start + 1}.wav"))
    plans = plan(root)
    assert sum(len(made.requests) for made in plans.values()) == 6


def test_names_that_no_row_asks_for_are_refused(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 5, 2)
    for number, path in enumerate(sorted((root / "audios").rglob("*.wav"))):
        path.rename(path.with_name(f"Yother_{number:05d}.wav"))
    with pytest.raises(
        IngestError, match=r"corpus\.audio: no row refers to any of the 7 clips in .*Yother_00"
    ):
        match_names(settings(root), "corpus")


@pytest.mark.parametrize("pack", [pack_tars, pack_parquet])
def test_names_in_shards_are_compared(tmp_path: Path, pack: Callable[..., Path]) -> None:
    root = pack(make_corpus(tmp_path / "c", 5, 2), clips=4)
    match = match_names(settings(root))
    assert match.fitting == match.looked_at == 4
    assert str(match).startswith("7 rows; of a sample of 4 clips 4 are named by a row, for example ")
