from __future__ import annotations

import os
import pickle
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest

from components.audio_ingest.clip_index import ABSENT, ClipIndex, EntryColumns, index_files, index_tables
from components.audio_ingest.container_index import index_containers
from components.audio_ingest.corpus_requests import CorpusRequest
from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, Strays
from components.audio_ingest.layouts.files import Panns, StartEnd
from components.audio_ingest.layouts.tar import Tar
from components.audio_ingest.reading import read_sounds
from components.audio_ingest.stored_shards import store_shards
from components.common.audio.decode import DecodedAudio
from components.common.audio.errors import Reason
from components.common.audio.requests import make_shards
from components.common.audio.settings import IntakeSettings
from tests.components.audio_ingest.corpora import make_corpus, pack_tars, plan, ytid
from tests.components.common.audio.stored_files import StoredFiles


def pipeline() -> beam.Pipeline:
    return beam.Pipeline(argv=["--runner=FnApiRunner"])


def index_of(*entries: Entry) -> ClipIndex:
    columns = EntryColumns()
    for entry in entries:
        columns.add(0, entry)
    return index_tables(["0.tar"], ["v"], [columns.table()], Strays())


def found(index: ClipIndex, *asked: tuple[str, int]) -> list[int]:
    ytids, starts = zip(*asked, strict=True)
    return index.find(pa.array(ytids), np.array(starts)).tolist()


def test_names_that_say_more_win_and_other_starts_do_not_match() -> None:
    index = index_of(
        Entry("abc", UNKNOWN_START, "a"), Entry("abc", 30_000, "b"), Entry("abc", 50_000, "c"),
        Entry("abc", 30_000, "d"), Entry("def", 0, "e"),
    )  # fmt: skip
    asked = [("abc", 30_000), ("abc", 60_000), ("abc", 50_000), ("def", 0), ("def", 10), ("ghi", 0)]
    assert found(index, *asked) == [1, 0, 2, 4, ABSENT, ABSENT]
    assert index.strays.counts == {"second clip of a name": 1}
    assert found(index_of(), ("abc", 0)) == [ABSENT]


def test_what_may_be_read_wins() -> None:
    index = index_of(
        Entry("abc", 30_000, "../a", flaw=Reason.UNSAFE), Entry("abc", UNKNOWN_START, "b"),
        Entry("def", UNKNOWN_START, "../c", flaw=Reason.UNSAFE),
    )  # fmt: skip
    assert found(index, ("abc", 30_000), ("def", 5)) == [1, 2]


def test_strays_among_files_are_counted(tmp_path: Path) -> None:
    for name in ("Speech/abc_30-40.wav", "Speech/abc.wav", "Music/def_1.5-11.5.m4a", "Music/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    index = index_files(str(tmp_path), StartEnd())
    assert index.table.select(["ytid", "start_ms", "member"]).to_pylist() == [
        {"ytid": "def", "start_ms": 1_500, "member": "def_1.5-11.5.m4a"},
        {"ytid": "abc", "start_ms": 30_000, "member": "abc_30-40.wav"},
    ]
    assert index.strays.counts == {"unknown name": 1}
    assert index.strays.examples == {"unknown name": [str(tmp_path / "Speech/abc.wav")]}


def test_shards_are_listed_once_and_again_only_if_they_changed(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 6, 3), clips=4)
    (root / "audios/9.tar").write_bytes(b"no tar")
    StoredFiles.store(root, "stored://b/c")
    lists = tmp_path / "lists"
    first = index_containers("stored://b/c/audios", Tar(), lists, pipeline)
    assert first.containers == tuple(f"stored://b/c/audios/{name}.tar" for name in (0, 1, 2, 9))
    assert first.table["container"].to_pylist() == [0] * 4 + [1] * 4 + [2]
    assert first.strays.counts == {"unreadable tar": 1}
    assert len(list(lists.iterdir())) == 4

    StoredFiles.opened.clear()
    again = index_containers("stored://b/c/audios", Tar(), lists, pipeline)
    assert again.table.equals(first.table)
    assert again.strays == first.strays
    assert StoredFiles.opened == []

    StoredFiles.files["stored://b/c/audios/1.tar"] += bytes(10_240)
    del StoredFiles.files["stored://b/c/audios/9.tar"]
    third = index_containers("stored://b/c/audios", Tar(), lists, pipeline)
    # What is read of the changed shard is not what an earlier execution read of it.
    assert [new == old for new, old in zip(third.versions, first.versions, strict=False)] == [
        True,
        False,
        True,
    ]
    assert set(StoredFiles.opened) == {"stored://b/c/audios/1.tar"}
    assert len(list(lists.iterdir())) == 3


def test_a_shard_that_cannot_be_opened_costs_its_own_clips(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 6, 2), clips=4)
    StoredFiles.store(root, "stored://b/c")
    StoredFiles.broken.add("stored://b/c/audios/0.tar")
    index = index_containers("stored://b/c/audios", Tar(), tmp_path / "lists", pipeline)
    assert len(index) == 4
    assert index.strays.counts == {"unreadable shard": 1}


def test_a_pipe_among_shards_is_not_waited_for(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 2, 1), clips=3)
    os.mkfifo(root / "audios/1.tar")
    index = index_containers(str(root / "audios"), Tar(), tmp_path / "lists", pipeline)
    assert (len(index), index.strays.counts) == (3, {"unreadable shard": 1})


def test_requests_are_the_same_in_columns_in_a_pickle_and_in_a_file(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 7, 1)
    requests = plan(root)["train"].requests
    path = f"{root}/audios/balanced_train_segments/Y{ytid(2)}.wav"
    expected = CorpusRequest(
        "train", f"{ytid(2)}_30000_31000", path, "balanced_train_segments.csv:6", 1.0, ("/m/09x0r",)
    )
    assert (requests[2], len(requests), requests[-1]) == (expected, 7, list(requests)[-1])
    assert requests[2:4] == [requests[2], requests[3]]
    assert requests.take(np.array([5, 2]))[1] == expected
    with pytest.raises(IndexError):
        requests[7]
    part = requests[2:4]
    assert pickle.loads(pickle.dumps(part)) == part

    shards = make_shards("train", requests, 3)
    stored = store_shards(shards, tmp_path / "plan")
    assert [list(shard.requests) for shard in stored] == [list(shard.requests) for shard in shards]
    assert len(pickle.dumps(stored[0])) < 600
    assert not stored[0].keys
    keyed = [type(shard)(**{**vars(shard), "keys": tuple("abc"[: len(shard.requests)])}) for shard in shards]
    assert [list(shard.keys) for shard in store_shards(keyed, tmp_path / "plan")] == [
        list(shard.keys) for shard in keyed
    ]
    assert store_shards([], tmp_path / "plan") == []


def test_each_container_is_opened_once_and_one_that_is_gone_costs_its_own_clips(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 6, 1), clips=4)
    StoredFiles.store(root, "stored://b/c")
    index = index_containers("stored://b/c/audios", Tar(), tmp_path / "lists", pipeline)
    requests = plan("stored://b/c", index=index)["train"].requests
    assert [request.pack.rpartition("/")[2] for request in requests] == ["0.tar"] * 4 + ["1.tar"] * 2
    StoredFiles.opened.clear()
    sounds = list(read_sounds(requests, IntakeSettings()))
    assert [len(sound.samples) for sound in sounds if isinstance(sound, DecodedAudio)] == [16_000] * 6
    assert StoredFiles.opened == ["stored://b/c/audios/0.tar", "stored://b/c/audios/1.tar"]
    StoredFiles.broken.add("stored://b/c/audios/0.tar")
    reasons = [getattr(sound, "reason", None) for sound in read_sounds(requests, IntakeSettings())]
    assert reasons == [Reason.UNREADABLE] * 4 + [None] * 2


def test_stored_files_are_read_too_and_their_version_is_what_the_store_says(tmp_path: Path) -> None:
    StoredFiles.store(make_corpus(tmp_path / "c", 3, 1), "stored://b/c")
    requests = plan("stored://b/c", index=index_files("stored://b/c/audios", Panns()))["train"].requests
    assert requests[0].version.endswith("-1700000000.0")
    StoredFiles.broken.add(requests[1].path)
    sounds = list(read_sounds(requests, IntakeSettings()))
    assert [getattr(sound, "reason", None) for sound in sounds] == [None, Reason.UNREADABLE, None]


def test_unsafe_members_are_left_out_with_their_place(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    entries = [Entry(ytid(0), UNKNOWN_START, f"../{ytid(0)}.wav", flaw=Reason.UNSAFE)]
    train = plan(root, index=index_of(*entries))["train"]
    assert [(out.clip_id, out.reason, out.detail) for out in train.left_out] == [
        (f"{ytid(0)}_30000_31000", "unsafe", f"0.tar: ../{ytid(0)}.wav"),
        (f"{ytid(1)}_30000_31000", "missing", "no sound for it in audios"),
    ]
    assert train.left_out[-1].reason == "missing"
    assert [out.reason for out in train.left_out[:1]] == ["unsafe"]
