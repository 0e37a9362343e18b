from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tfx import types
from tfx.types import standard_artifacts

import schemas
from components.audio_ingest.component import AudioIngest
from components.audio_ingest.executor import Executor
from components.audio_ingest.segment_rows import SegmentsError
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.intake_report import IngestError
from components.common.store.shards import iterate_examples, list_shards
from schemas.corpus_statistics import CorpusStatistics
from schemas.records import Clip
from tests.components.audio_ingest.corpora import HEADER, make_corpus, row, ytid
from tests.components.common.audio.sounds import dominant_hertz, sine, write_soundfile
from tests.components.executors import folder_bytes, run_ingest

# Whole components are executed here.
pytestmark = pytest.mark.slow


def clips(examples: types.Artifact, split: str) -> list[Clip]:
    return [Clip.from_example(example) for example in iterate_examples(list_shards(examples.uri, split))]


def test_construct() -> None:
    component = AudioIngest(AudioIngestSettings(root="data"), code_digest="c", data_digest="d")
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.outputs["report"].type is schemas.IngestReport
    assert component.exec_properties["code_digest"] == "c"
    assert component.exec_properties["data_digest"] == "d"
    assert AudioIngestSettings.from_parameter(component.exec_properties["settings"]).root == "data"
    assert "corpus" not in component.inputs


def test_construct_with_corpus() -> None:
    corpus = types.Channel(type=schemas.SoundCorpus)
    assert AudioIngest(AudioIngestSettings(), corpus=corpus).inputs["corpus"] is corpus


@pytest.mark.parametrize("root", ["", "data"])
def test_construct_without_or_with_two_sources_fails(root: str) -> None:
    corpus = types.Channel(type=schemas.SoundCorpus) if root else None
    with pytest.raises(ValueError, match=r"either settings\.root or a corpus, got root="):
        AudioIngest(AudioIngestSettings(root=root), corpus=corpus)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": ()},
        {"labels": "some"},
        {"limit": -1},
        {"shard_clips": 0},
        {"max_bad_share": 2},
        {"rot": ""},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AudioIngestSettings(**wrong)


def test_records(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c")
    settings = AudioIngestSettings(root=str(root), shard_clips=4, licence="CC0")
    examples, report = run_ingest(Executor, settings, tmp_path)
    assert examples.split_names == '["train", "eval"]'
    assert [path.name for path in list_shards(examples.uri, "train")] == [
        "records-00000-of-00002",
        "records-00001-of-00002",
    ]
    train = {clip.clip_id: clip for clip in clips(examples, "train")}
    assert set(train) == {f"{ytid(number)}_30000_31000" for number in range(6)}
    for number in range(6):
        clip = train[f"{ytid(number)}_30000_31000"]
        # The file holds 1.5 s, the segment 1 s: the file's first second.
        assert len(clip.audio) == 16_000
        assert dominant_hertz(clip.audio) == pytest.approx(200 + number, abs=1)
        assert (clip.labels, clip.source_rate) == (("/m/09x0r",), 16_000)
    assert len(clips(examples, "eval")) == 3
    assert report.splits["train"].model_dump() == {
        "rows": 6, "filtered": 0, "clips": 6, "hours": pytest.approx(6 / 3600), "quarantined": {},
    }  # fmt: skip
    assert (report.source, report.synthetic, report.licences) == (str(root), False, {"corpus": "CC0"})
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "corpus.html",
        "corpus_statistics.json",
        "ingest_report.json",
        "quarantine.jsonl",
    ]
    # Each of the tones is another, and all are the speech that the ontology names.
    statistics = CorpusStatistics.load(tmp_path / "report")
    assert {split: one.clips for split, one in statistics.splits.items()} == {"train": 6, "eval": 3}
    assert (statistics.digest, statistics.licence) == (report.digest, "CC0")
    assert [(label.name, label.clips) for label in statistics.labels] == [("Speech", {"train": 6, "eval": 3})]
    assert statistics.duplicates.groups == 0
    # Sines of half the full scale: 20 log10(0.5 / sqrt 2) = -9.03 dB.
    rms = statistics.splits["train"].rms
    assert rms.counts[rms.edges.index(-10.0)] == 6


def test_what_a_lost_worker_left_is_not_part_of_the_records(tmp_path: Path) -> None:
    left = tmp_path / "made" / "examples" / "Split-train"
    left.mkdir(parents=True)
    for end in ("partial", "held"):  # of another machine, and of this minute
        (left / f".records-00000-of-00002.01234567-{'a' * 32}.{end}").write_bytes(b"half a record")
    settings = AudioIngestSettings(root=str(make_corpus(tmp_path / "c", 4, 2)), shard_clips=2)
    run_ingest(Executor, settings, tmp_path / "made")
    assert [path.name for path in sorted(left.iterdir())] == [
        "records-00000-of-00002",
        "records-00001-of-00002",
    ]


def test_synthetic_corpus(tmp_path: Path) -> None:
    make_corpus(tmp_path / "made" / "corpus", 2, 1)
    _, report = run_ingest(Executor, AudioIngestSettings(), tmp_path, corpus=tmp_path / "made")
    assert report.synthetic
    assert report.splits["train"].clips == 2


def test_same_bytes_twice_whatever_the_order_of_rows(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 20, 3)
    settings = AudioIngestSettings(root=str(root), shard_clips=7)
    first = folder_bytes(run_ingest(Executor, settings, tmp_path / "1")[0].uri)
    rows = [row(ytid(number)) for number in reversed(range(20))]
    (root / "balanced_train_segments.csv").write_text(HEADER + "".join(rows))
    second = folder_bytes(run_ingest(Executor, settings, tmp_path / "2")[0].uri)
    assert len(first) == 4
    assert first == second


def test_the_digest_is_of_the_clips_not_of_their_shards(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 20, 3)

    def digest(name: str, **changes: object) -> str:
        settings = AudioIngestSettings(root=str(root), **changes)
        return run_ingest(Executor, settings, tmp_path / name)[1].digest

    one = digest("one", shard_clips=7)
    assert len(one) == 32
    assert digest("many", shard_clips=3) == one
    spoil(root)
    assert digest("fewer", shard_clips=7, max_bad_share=0.3) != one


def spoil(root: Path) -> None:
    """Gives a corpus of 20 clips one bad clip of every kind."""
    folder = root / "audios/balanced_train_segments"
    (folder / f"Y{ytid(0)}.wav").unlink()
    (folder / f"Y{ytid(1)}.wav").write_bytes(b"")
    (folder / f"Y{ytid(2)}.wav").write_bytes(b"not sound" * 99)
    write_soundfile(folder / f"Y{ytid(3)}.wav", np.zeros((16_000, 1), np.float32), 16_000)
    write_soundfile(folder / f"Y{ytid(4)}.wav", sine(0.05, 16_000), 16_000)
    nan = sine(1.0, 16_000)
    nan[5] = np.nan
    write_soundfile(folder / f"Y{ytid(5)}.wav", nan, 16_000, subtype="FLOAT")


def test_bad_clips_are_quarantined_and_counted(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 20, 1)
    spoil(root)
    settings = AudioIngestSettings(root=str(root), max_bad_share=0.3)
    audios = root / "audios"
    taken = audios / f"balanced_train_segments/Y{ytid(7)}.wav"
    shutil.copy(audios / f"eval_segments/Y{ytid(1000)}.wav", taken)
    examples, report = run_ingest(Executor, settings, tmp_path)
    # The clip of eval that train has too is the later one, whatever was left out before the first.
    same = CorpusStatistics.load(tmp_path / "report").duplicates
    assert (same.clips, same.groups_across_splits) == ({"train": 0, "eval": 1}, 1)
    assert [clip.clip_id for clip in same.largest[0].examples] == [
        f"{ytid(7)}_30000_31000", f"{ytid(1000)}_30000_31000",
    ]  # fmt: skip
    counted = {"missing": 1, "empty": 1, "undecodable": 1, "silent": 1, "too_short": 1, "non_finite": 1}
    assert report.splits["train"].quarantined == counted
    assert report.splits["train"].clips == len(clips(examples, "train")) == 14
    lines = [json.loads(line) for line in (tmp_path / "report/quarantine.jsonl").read_text().splitlines()]
    assert {line["clip_id"]: (line["source"], line["reason"]) for line in lines} == {
        f"{ytid(number)}_30000_31000": (f"balanced_train_segments.csv:{4 + number}", reason)
        for number, reason in enumerate(
            ["missing", "empty", "undecodable", "silent", "too_short", "non_finite"]
        )
    }
    assert all(line["detail"] for line in lines)


def test_too_many_bad_clips_stop_the_run_and_leave_the_list(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 20, 1)
    spoil(root)
    with pytest.raises(IngestError) as caught:
        run_ingest(Executor, AudioIngestSettings(root=str(root), max_bad_share=0.2), tmp_path)
    message = str(caught.value)
    assert message.startswith("train: 5 of 19 clips are bad (26.3%), max_bad_share allows 20.0%; 20 rows")
    assert "undecodable 1" in message
    kept = tmp_path / "report-refused" / "quarantine.jsonl"
    assert message.endswith(f"all in {kept}")
    assert len(kept.read_text().splitlines()) == 6
    assert (kept.parent / CorpusStatistics.PAGE).is_file()


def test_nothing_left_stops_the_run(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    with pytest.raises(IngestError, match=r"train: nothing remains; 0 rows, 2 filtered out, left out: none"):
        run_ingest(Executor, AudioIngestSettings(root=str(root), labels=("/m/015lz1",)), tmp_path)


def test_too_many_missing_clips_stop_the_run(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 4, 1)
    for number in range(3):
        (root / f"audios/balanced_train_segments/Y{ytid(number)}.wav").unlink()
    with pytest.raises(
        IngestError, match=r"train: 3 of 4 rows have no file \(75\.0%\), max_missing_share allows 50"
    ):
        run_ingest(Executor, AudioIngestSettings(root=str(root)), tmp_path)


def test_a_malformed_row_stops_the_run(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    (root / "eval_segments.csv").write_text(HEADER + "abc, 1, 2\n")
    with pytest.raises(SegmentsError, match=r"eval_segments\.csv:4: 3 fields"):
        run_ingest(Executor, AudioIngestSettings(root=str(root)), tmp_path)


def test_real_corpus(shared_data: Path, tmp_path: Path) -> None:
    settings = AudioIngestSettings(root=str(shared_data / "mini_audioset"), limit=25)
    examples, report = run_ingest(Executor, settings, tmp_path)
    for split in ("train", "eval"):
        counts = report.splits[split]
        assert counts.rows == 25
        assert counts.filtered > 0
        assert set(counts.quarantined) <= {"missing"}
        found = clips(examples, split)
        assert len(found) == counts.clips > 15
        assert all("/m/09x0r" in clip.labels and np.abs(clip.audio).max() > 100 for clip in found)
