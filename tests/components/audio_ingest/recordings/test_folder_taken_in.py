"""A plain folder, ingested from its tree to records."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.settings import AudioIngestSettings
from components.common.store.shards import iterate_examples, list_shards
from schemas.ingest_reports import IngestReport
from schemas.records import Clip
from tests.components.common.audio.sounds import sine, write_soundfile
from tests.components.executors import folder_bytes, run_ingest

pytestmark = pytest.mark.slow

SEGMENT = {"segment_seconds": 2.0, "eval_share": 0.3}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve recordings of 1 to 6.5 s, one damaged, one of a name that is no UTF-8, and a text."""
    root = tmp_path / "my sound"
    for number in range(12):
        tone = sine(1 + number / 2, 8000, 200 + 20 * number)
        write_soundfile(root / f"day {number % 3}/take {number}.flac", tone, 8000)
    (root / "day 0/damaged.wav").write_bytes(b"RIFFdamaged")
    os.rename(os.fsencode(root / "day 0/take 0.flac"), os.fsencode(root) + b"/caf\xe9.flac")
    (root / "notes.txt").write_text("mine")
    return root


def ingest(root: Path, folder: Path, scratch: str = "", **recordings: object) -> IngestReport:
    made = AudioIngestSettings(
        root=str(root),
        layout="folder",
        recordings={**SEGMENT, **recordings},
        max_bad_share=0.5,
        shard_clips=8,
    )
    return run_ingest(Executor, made, folder, scratch=scratch)[1]


def test_a_folder_becomes_records(root: Path, tmp_path: Path) -> None:
    report = ingest(root, tmp_path / "run")
    rows = sum(split.rows for split in report.splits.values())
    clips = sum(split.clips for split in report.splits.values())
    hours = sum(split.hours for split in report.splits.values())
    # Of 1, 1.5, ..., 6.5 s in segments of 2 s with a rest of 1 s or more: 1 1 1 1 2 2 2 2 3 3 3 3 segments,
    # and the damaged file's. Rests of half a second, of 2.5, 4.5 and 6.5 s, are left out.
    assert (rows, clips) == (24 + 1, 24)
    assert hours * 3600 == pytest.approx(sum(1 + number / 2 for number in range(12)) - 3 * 0.5)
    assert set(report.splits) == {"train", "eval"} and all(split.clips for split in report.splits.values())
    assert report.layout is not None
    assert (report.layout.name, report.layout.chosen, report.layout.entries) == ("folder", "configured", 13)
    assert report.layout.files_hold == "recordings"
    assert report.layout.stray_examples == {"no sound file": ["notes.txt"]}
    shards = [path for split in report.splits for path in list_shards(str(tmp_path / "run/examples"), split)]
    clips_written = [Clip.from_example(example) for example in iterate_examples(shards)]
    # The curated schema of clip records asks for a label, and for no more than 60 s.
    assert [clip.labels for clip in clips_written] == [("unlabelled",)] * 24
    (bad,) = map(json.loads, (tmp_path / "run/report/quarantine.jsonl").read_text().splitlines())
    assert (bad["clip_id"], bad["reason"]) == ("day 0/damaged.wav_0_2000", "undecodable")
    assert sorted(path.name for path in (tmp_path / "run/report").iterdir()) == [
        "corpus.html", "corpus_statistics.json", "ingest_report.json", "quarantine.jsonl",
    ]  # fmt: skip


def test_the_same_folder_gives_the_same_records_and_is_resumed(root: Path, tmp_path: Path) -> None:
    scratch = str(tmp_path / "scratch")
    first = ingest(root, tmp_path / "first", scratch)
    again = ingest(root, tmp_path / "again", scratch)
    assert again.work is not None and again.work.resumed == 25
    assert first.digest == again.digest
    # What was taken over may be another number among the shards.
    made = [folder_bytes(tmp_path / run / "examples").values() for run in ("first", "again")]
    assert sorted(made[0]) == sorted(made[1])


def test_a_manifest_decides_and_its_absent_files_are_missing(root: Path, tmp_path: Path) -> None:
    (root / "manifest.csv").write_text(
        "file,split,speaker_id,label\n"
        "day 1/take 4.flac,train,anna,cough\n"
        "day 1/take 4.flac,train,anna,cough\n"
        "day 2/take 11.flac,train,ben,\n"
        "day 2/take 5.flac,eval,carl,cough\n"
        "gone.flac,train,ben,cough\n"
    )
    report = ingest(root, tmp_path / "run")
    train, evaluation = report.splits["train"], report.splits["eval"]
    # 3 s are two segments of which the second is 1 s; 6.5 s are three; what is there twice counts once.
    assert (train.rows, train.clips, train.quarantined) == (8, 5, {"duplicate": 2, "missing": 1})
    assert (evaluation.rows, evaluation.clips) == (2, 2)
    statistics = json.loads((tmp_path / "run/report/corpus_statistics.json").read_text())
    assert [(one["mid"], one["clips"]) for one in statistics["labels"]] == [
        ("cough", {"train": 2, "eval": 2}), ("unlabelled", {"train": 3, "eval": 0}),
    ]  # fmt: skip
    sources = {json.loads(line)["source"] for line in (tmp_path / "run/report/quarantine.jsonl").open()}
    assert sources == {"manifest.csv:3", "manifest.csv:6"}
