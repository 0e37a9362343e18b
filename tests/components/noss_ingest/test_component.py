from __future__ import annotations

import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tfx import types
from tfx.types import standard_artifacts

import schemas
from components.common.audio.intake_report import IngestError
from components.common.store.shards import iterate_examples, list_shards
from components.noss_ingest.component import NossIngest
from components.noss_ingest.executor import Executor
from components.noss_ingest.rows import SourceError
from components.noss_ingest.settings import NossIngestSettings
from schemas.noss_task_sets import NossTaskSet
from schemas.records import NossClip
from tests.components.common.audio.sounds import dominant_hertz, sine, write_soundfile
from tests.components.executors import folder_bytes, run_ingest
from tests.components.noss_ingest.tasks import edit, make_task
from tests.components.noss_ingest.tfds_trees import prepare_own, sound

# Whole components are executed here.
pytestmark = pytest.mark.slow


def clips(examples: types.Artifact, split: str) -> list[NossClip]:
    return [NossClip.from_example(example) for example in iterate_examples(list_shards(examples.uri, split))]


def test_construct() -> None:
    component = NossIngest(NossIngestSettings(root="data"), code_digest="c", data_digest="d")
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.outputs["report"].type is schemas.IngestReport
    assert NossIngestSettings.from_parameter(component.exec_properties["settings"]).root == "data"
    assert (component.exec_properties["code_digest"], component.exec_properties["data_digest"]) == ("c", "d")


def test_construct_without_source_fails() -> None:
    with pytest.raises(
        ValueError, match=r"NossIngest takes either settings\.root or a corpus, got root='' and no"
    ):
        NossIngest(NossIngestSettings())


def settings_of(tmp_path: Path, **more: Any) -> NossIngestSettings:
    return NossIngestSettings(root=str(tmp_path / "tasks"), tfds_dir=str(tmp_path / "tfds"), **more)


def test_records(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks/a")
    (tmp_path / "tasks/a/task.yaml").write_text("name: a\nlicence: CC0\nspeaker_disjoint: true\n")
    make_task(tmp_path / "tasks/b", first_hertz=1000)
    (tmp_path / "tasks/b/task.yaml").write_text("name: b\nsynthetic: true\n")
    settings = settings_of(tmp_path, shard_clips=3)
    examples, report = run_ingest(Executor, settings, tmp_path)
    assert examples.split_names == '["train", "validation", "test"]'
    assert len(list_shards(examples.uri, "train")) == 3
    (clip,) = [clip for clip in clips(examples, "test") if clip.clip_id == "a/audio/low3.wav"]
    assert (clip.task, clip.split, clip.label) == ("a", "test", "low")
    assert (clip.speaker_id, clip.group, clip.source_rate) == ("test_speaker", "3", 8_000)
    assert len(clip.audio) == 8_000
    assert {split: len(clips(examples, split)) for split in ("train", "validation", "test")} == {
        "train": 8, "validation": 4, "test": 4,
    }  # fmt: skip
    assert report.splits["b/train"].clips == 4
    assert (report.synthetic, report.licences) == (True, {"a": "CC0"})


def test_synthetic_corpus(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "made/noss/keyword")
    (folder / "task.yaml").write_text("name: keyword\nlicence: synthetic\nsynthetic: true\n")
    examples, report = run_ingest(Executor, NossIngestSettings(), tmp_path, corpus=tmp_path / "made")
    assert (report.synthetic, report.licences) == (True, {"keyword": "synthetic"})
    task_set = NossTaskSet.load(examples.uri)
    # The catalogue is not asked for here.
    assert [(task.record.name, task.synthetic) for task in task_set.tasks] == [("keyword", True)]
    assert task_set.unavailable == []


def test_same_bytes_twice(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks/a", 12)
    settings = settings_of(tmp_path, shard_clips=5)
    first = folder_bytes(run_ingest(Executor, settings, tmp_path / "1")[0].uri)
    assert first == folder_bytes(run_ingest(Executor, settings, tmp_path / "2")[0].uri)


def test_the_digest_is_of_the_clips_not_of_their_shards(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks/a", 12)
    variations: list[dict[str, Any]] = [
        {"shard_clips": 5},
        {"shard_clips": 2},
        {"shard_clips": 5, "max_seconds": 0.3},
    ]
    digests = [
        run_ingest(Executor, settings_of(tmp_path, **changes), tmp_path / str(number))[1].digest
        for number, changes in enumerate(variations)
    ]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 32


def test_the_same_sound_under_two_names_in_two_splits_is_a_leak(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_task(tmp_path / "tasks/a")
    # As FLAC, so that no byte of the file is the same.
    samples, rate = soundfile.read(folder / "audio/high0.wav", dtype="int16")
    soundfile.write(folder / "audio/copy.flac", samples, rate)
    manifest = edit(folder, "audio/high3.wav", "audio/copy.flac")
    with pytest.raises(SourceError) as caught:
        run_ingest(Executor, settings_of(tmp_path), tmp_path)
    lines = {f"{manifest}:2", f"{manifest}:5"}
    assert "sounds the same, sample by sample" in str(caught.value)
    assert all(line in str(caught.value) for line in lines)

    (folder / "task.yaml").write_text("name: a\nduplicates: leave_out\n")
    with caplog.at_level(logging.WARNING, "tinytrill.noss_ingest"):
        run_ingest(Executor, settings_of(tmp_path), tmp_path / "again")
    assert "a: 1 clips sound like one of another split" in caplog.text


def test_the_same_sound_in_one_split_or_in_two_tasks_is_none(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks/a")
    shutil.copy(folder / "audio/high0.wav", folder / "audio/high1.wav")
    make_task(tmp_path / "tasks/b")
    _, report = run_ingest(Executor, settings_of(tmp_path), tmp_path)
    assert report.splits["a/train"].clips == 4


def test_bad_clips_are_quarantined(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks/a", 40)
    (folder / "audio/high0.wav").write_bytes(b"")
    write_soundfile(folder / "audio/high4.wav", np.zeros((8_000, 1), np.float32), 8_000)
    (folder / "audio/high5.wav").unlink()
    edit(folder, "audio/high8.wav", "audio/high9.wav")
    settings = settings_of(tmp_path, max_bad_share=0.1)
    examples, report = run_ingest(Executor, settings, tmp_path)
    assert report.splits["a/train"].quarantined == {"duplicate": 1, "empty": 1, "missing": 1, "silent": 1}
    assert report.splits["a/train"].clips == len(clips(examples, "train")) == 36


def test_too_many_bad_clips_stop_the_run(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks/a")
    (folder / "audio/high3.wav").write_bytes(b"")
    with pytest.raises(
        IngestError, match=r"a/test: 1 of 2 clips are bad \(50\.0%\), max_bad_share allows 5\.0%"
    ):
        run_ingest(Executor, settings_of(tmp_path), tmp_path)
    assert (tmp_path / "report-refused/quarantine.jsonl").is_file()


def test_a_leak_in_the_part_that_the_limit_leaves_out_is_found_too(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks/a", 40)
    edit(folder, "audio/low39.wav", "audio/high0.wav")
    with pytest.raises(SourceError, match=r"leak: file 'audio/high0\.wav'"):
        run_ingest(Executor, settings_of(tmp_path, limit=8), tmp_path)


def test_the_task_set_says_what_was_taken(tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks/a", 40)
    (folder / "task.yaml").write_text("name: a\nversion: 3\ntitle: High or low?\n")
    (folder / "audio/high0.wav").write_bytes(b"")
    settings = settings_of(tmp_path, limit=40, tasks=("a", "crema_d"))
    task_set = NossTaskSet.load(run_ingest(Executor, settings, tmp_path)[0].uri)
    (task,) = task_set.tasks
    assert (task.record.version, task.record.title, task.source) == (
        3,
        "High or low?",
        "manifest a/manifest.csv",
    )
    assert task.digest == task.record.digest
    # 80 clips, of which half are train; half of all are asked for, and one of them is empty.
    assert task.n_original == {"train": 40, "validation": 20, "test": 20}
    assert task.n_used == {"train": 19, "validation": 10, "test": 10}
    (absent,) = task_set.unavailable
    assert absent.name == "crema_d"
    assert f"no TFDS crema_d in {tmp_path}/tfds" in absent.reason
    assert "noss get crema_d" in absent.obtain.command


def test_a_required_task_stops_the_run(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks/a")
    with pytest.raises(IngestError, match=r"noss\.require: the sound of task 'crema_d' is not here"):
        run_ingest(Executor, settings_of(tmp_path, require=("crema_d",)), tmp_path)


def test_parts_of_files_and_what_is_known_of_speakers(tmp_path: Path) -> None:
    folder = tmp_path / "tasks/a"
    for number, split in enumerate(("train", "validation", "test")):
        tones = [sine(1.0, 8_000, 300 + 50 * number), sine(1.0, 8_000, 1_000 + 50 * number)]
        write_soundfile(folder / f"{split}.wav", np.concatenate(tones), 8_000)
    rows = [
        f"{split}.wav,{label},ann,{split},,{start},{seconds},female,33\n"
        for split in ("train", "validation", "test")
        for label, start, seconds in (("low", "", 1), ("high", 1.25, 0.5))
    ]
    header = "file,label,speaker_id,split,fold,start_s,seconds,sex,age\n"
    (folder / "manifest.csv").write_text(header + "".join(rows))
    examples, _ = run_ingest(Executor, settings_of(tmp_path), tmp_path)
    heard = {clip.clip_id: clip for clip in clips(examples, "test")}
    low, high = heard["a/test.wav#0+1"], heard["a/test.wav#1.25+0.5"]
    assert (len(low.audio), len(high.audio)) == (16_000, 8_000)
    assert dominant_hertz(low.audio) == pytest.approx(400, abs=5)
    assert dominant_hertz(high.audio) == pytest.approx(1_100, abs=5)
    assert (low.sex, low.age) == ("female", "33")


def test_files_and_tfds_in_one_run(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks/a")
    examples_of = {
        split: {
            f"{split}{number}": {
                "sound": sound(f"{split}{number}", 8_000),
                "mood": number % 2,
                "speaker": split,
            }
            for number in range(4)
        }
        for split in ("train", "validation", "test")
    }
    prepare_own(tmp_path / "tfds", "own", examples_of)
    record = {"name": "t", "labels": ["low", "high"], "sources": [{"kind": "tfds", "builder": "own"}]}
    settings = settings_of(tmp_path, tasks=({"record": record}, "a"), shard_clips=3)
    examples, report = run_ingest(Executor, settings, tmp_path)
    assert report.splits["t/train"].clips == 4
    # Four clips each in shards of three: two shards of files, two of TFDS.
    assert len(list_shards(examples.uri, "train")) == 4
    by_shard = [
        [NossClip.from_example(example) for example in iterate_examples([shard])]
        for shard in list_shards(examples.uri, "train")
    ]
    assert [sorted({clip.task for clip in shard}) for shard in by_shard] == [["a"], ["a"], ["t"], ["t"]]
    stored = [clip for shard in by_shard[2:] for clip in shard]
    assert [clip.clip_id for clip in stored] == [f"t/train/{index}" for index in range(4)]
    assert {clip.speaker_id for clip in stored} == {"train"}
    (_, task) = sorted(NossTaskSet.load(examples.uri).tasks, key=lambda task: task.record.name)
    assert (task.source, task.n_used["test"]) == ("TFDS own", 4)


def test_tfds_that_is_malformed_names_its_place(tmp_path: Path) -> None:
    same = {"sound": sound("same", 8_000), "mood": 0, "speaker": "ann"}
    examples_of = {split: {f"{split}0": same} for split in ("train", "validation", "test")}
    prepare_own(tmp_path / "tfds", "own", examples_of)
    make_task(tmp_path / "tasks/a")
    record = {"name": "t", "sources": [{"kind": "tfds", "builder": "own"}]}
    with pytest.raises(SourceError, match=r"tfds:own/1\.0\.0/\w+/0: leak: .* sounds the same"):
        run_ingest(Executor, settings_of(tmp_path, tasks=({"record": record},)), tmp_path)


def test_real_tasks(shared_data: Path, tmp_path: Path) -> None:
    settings = NossIngestSettings(root=str(shared_data / "noss"), limit=30, tfds_dir=str(tmp_path))
    examples, report = run_ingest(Executor, settings, tmp_path)
    tasks = Counter(clip.task for split in ("train", "validation", "test") for clip in clips(examples, split))
    assert len(tasks) == 7
    assert min(tasks.values()) >= 20
    assert not any(counts.quarantined for counts in report.splits.values())
