"""Which clips go to which shard, and which stay together when the corpus changes."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.common.audio.requests import ClipRequest, Places, Shard, extend_shards, make_shards


def requests(first: int, last: int, pack: str = "") -> list[ClipRequest]:
    return [
        ClipRequest("train", f"clip{n}", f"/none/{n}", f"a.csv:{n}", 10.0, pack=pack)
        for n in range(first, last)
    ]


def members(shards: list[Shard[ClipRequest]]) -> list[list[str]]:
    return [[request.clip_id for request in shard.requests] for shard in shards]


def test_first_shards_are_those_of_a_stable_order() -> None:
    asked = requests(0, 25) + requests(25, 32, "pack.tar")
    shards = extend_shards("train", asked, 10, [])
    assert members(shards) == members(make_shards("train", asked, 10))
    assert members(shards) == members(make_shards("train", asked[:25][::-1] + asked[25:], 10))
    assert [len(shard.requests) for shard in shards] == [10, 10, 5, 7]
    assert members(shards)[3] == [f"clip{n}" for n in range(25, 32)]
    assert members(shards)[0] != sorted(members(shards)[0])
    assert {(shard.count, shard.split) for shard in shards} == {(4, "train")}
    assert [request.key for request in shards[0].requests] == list(shards[0].keys)


def test_new_clips_get_shards_of_their_own() -> None:
    earlier = extend_shards("train", requests(0, 1000), 50, [])
    later = extend_shards("train", requests(0, 1010), 50, [shard.keys for shard in earlier])
    assert members(later)[:20] == members(earlier)
    assert sorted(members(later)[20]) == sorted(f"clip{n}" for n in range(1000, 1010))
    assert {shard.count for shard in later} == {21}
    # Without the memory of earlier shards most of them would change.
    anew = members(make_shards("train", requests(0, 1010), 50))
    assert sum(shard in anew for shard in members(earlier)) < 10


def test_a_changed_or_missing_clip_breaks_up_its_shard_only() -> None:
    earlier = extend_shards("train", requests(0, 100), 10, [])
    asked = requests(0, 100)
    gone, changed = earlier[2].requests[4].clip_id, earlier[7].requests[0].clip_id
    asked = [
        dataclasses.replace(request, max_seconds=5.0) if request.clip_id == changed else request
        for request in asked
        if request.clip_id != gone
    ]
    later = extend_shards("train", asked, 10, [shard.keys for shard in earlier])
    same = [index for index in range(10) if index not in (2, 7)]
    assert members(later)[:8] == [members(earlier)[index] for index in same]
    left = {request.clip_id for index in (2, 7) for request in earlier[index].requests} - {gone}
    assert {name for shard in members(later)[8:] for name in shard} == left


def test_smaller_shards_are_a_new_order() -> None:
    earlier = extend_shards("train", requests(0, 100), 10, [])
    assert max(map(len, members(extend_shards("train", requests(0, 100), 5, [s.keys for s in earlier])))) == 5


def test_no_clip_twice() -> None:
    with pytest.raises(ValueError, match="split 'train' asks for 2 clips twice"):
        extend_shards("train", requests(0, 5) + requests(0, 2), 10, [])


def test_columns_stay_columns() -> None:
    class Columns(list[ClipRequest]):
        def take(self, rows: Places) -> Columns:
            return Columns(self[row] for row in rows.tolist())

    assert {type(shard.requests) for shard in make_shards("train", Columns(requests(0, 9)), 5)} == {Columns}


@dataclass(frozen=True)
class Nested:
    index: int


@dataclass(frozen=True)
class Extended(ClipRequest):
    labels: tuple[str, ...]
    place: Nested | None


def test_a_key_tells_all_that_the_record_depends_on(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"12")
    base = Extended("train", "a", str(path), "a.csv:1", 10.0, labels=("/m/1",), place=Nested(1))
    changes: list[dict[str, Any]] = [
        {"group": "eval"}, {"clip_id": "b"}, {"path": "/none"}, {"max_seconds": 1.0}, {"start_seconds": 1.0},
        {"pack": "a.tar"}, {"version": "2"}, {"labels": ("/m/2",)}, {"place": Nested(2)}, {"place": None},
    ]  # fmt: skip
    assert len({base.key, *(dataclasses.replace(base, **change).key for change in changes)}) == 11
    assert dataclasses.replace(base, source="a.csv:2").key == base.key


def test_a_key_tells_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    base = ClipRequest("train", "a", str(path), "a.csv:1", 10.0)
    keys = [base.key]
    for content, time_s in ((b"12", 100), (b"123", 100), (b"123", 101)):
        path.write_bytes(content)
        os.utime(path, (time_s, time_s))
        keys.append(base.key)
    assert len(set(keys)) == 4
    assert base.key == keys[-1]
