"""Finished shards that outlive their execution: taken up whole and unchanged, or made again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from components.common.audio.kept_shards import KeptShards
from components.common.audio.record_sum import RecordSum
from components.common.store.computed import key_of
from components.common.store.shards import iterate_examples, write_shard
from components.common.store.tfrecord import framing_digest

RECORDS = [bytes([number]) * 50 for number in range(4)]


def sum_of(records: list[bytes]) -> str:
    total = RecordSum()
    for record in records:
        total.add("train", record)
    return total.text


@pytest.fixture
def kept(tmp_path: Path) -> KeptShards:
    """With the shard ``a`` of four records, whose output is gone."""
    kept = KeptShards(str(tmp_path / "scratch"), "Test")
    made = tmp_path / "output" / "records-00000-of-00001"
    write_shard(made, RECORDS)
    kept.keep("a", made, "train", sum_of(RECORDS), '{"clips": 4}', ["m1", "m2"])
    made.unlink()
    return kept


def files(kept: KeptShards) -> list[str]:
    assert kept.folder is not None
    return sorted(path.name for path in kept.folder.iterdir())


def test_a_shard_is_taken_up_under_any_name(kept: KeptShards, tmp_path: Path) -> None:
    target = tmp_path / "next" / "records-00003-of-00009"
    assert kept.take("a", target) == '{"clips": 4}'
    assert list(iterate_examples([target])) == RECORDS
    assert kept.members("train") == [("m1", "m2")]
    assert kept.members("eval") == []
    assert kept.take("b", tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_nothing_is_copied_where_links_are_possible(kept: KeptShards, tmp_path: Path) -> None:
    kept.take("a", tmp_path / "taken")
    assert (tmp_path / "taken").stat().st_nlink == 2


def test_where_links_are_impossible_it_is_copied(
    kept: KeptShards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert kept.take("a", tmp_path / "taken") is not None
    assert list(iterate_examples([tmp_path / "taken"])) == RECORDS
    assert (tmp_path / "taken").stat().st_nlink == 1


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)


def exchange(path: Path) -> None:
    """Sound as a TFRecord file, and of the same size, but of other records."""
    write_shard(path, [*RECORDS[::-1][:3], b"x" * 50])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "bytes, 264 were written"),  # 4 * (50 + 16)
        (flip, "it cannot be read"),
        (exchange, "its records are not the ones that were written"),
        (Path.unlink, "No such file"),
    ],
)
def test_a_damaged_shard_is_not_taken_and_said(
    kept: KeptShards,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    assert kept.folder is not None
    damage(kept.folder / "a.tfrecord")
    with caplog.at_level(logging.WARNING, logger="tinytrill.shards"):
        assert kept.take("a", tmp_path / "taken") is None
    assert message in caplog.text and "is rebuilt" in caplog.text
    assert not (tmp_path / "taken").exists()
    assert files(kept) == []


def test_a_receipt_that_cannot_be_read_counts_as_damage(kept: KeptShards, tmp_path: Path) -> None:
    assert kept.folder is not None
    (kept.folder / "a.json").write_text('{"split": "tra')
    assert kept.members("train") == []
    assert kept.take("a", tmp_path / "taken") is None
    assert files(kept) == []


def test_only_what_is_used_stays(kept: KeptShards, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_shard(tmp_path / "more", RECORDS)
    kept.keep("b", tmp_path / "more", "train", sum_of(RECORDS), "{}")
    with caplog.at_level(logging.INFO, logger="tinytrill.shards"):
        kept.clear({"b"})
    assert files(kept) == ["b.json", "b.tfrecord"]
    assert "removed 1 stored shards" in caplog.text


def test_half_done_files_are_tidied_up(kept: KeptShards) -> None:
    assert kept.folder is not None
    (kept.folder / ".b.json.17.partial").write_text("{")
    kept.tidy()
    assert files(kept) == ["a.json", "a.tfrecord"]


def test_what_nobody_came_back_for_goes_after_a_month(
    kept: KeptShards, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard(tmp_path / "made", RECORDS)
    kept.keep("b", tmp_path / "made", "train", sum_of(RECORDS), "{}")
    now, day = (tmp_path / "made").stat().st_mtime, 24 * 3600.0
    kept.tidy(now_s=now + 29 * day)
    assert len(files(kept)) == 4
    with caplog.at_level(logging.INFO, logger="tinytrill.shards"):
        kept.tidy(now_s=now + 31 * day)
    assert files(kept) == ["b.json", "b.tfrecord"]  # an output's file too
    assert "removed 1 stored shards that are older than 30 days" in caplog.text


def test_without_a_scratch_folder_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptShards("", "Test")
    write_shard(tmp_path / "made", RECORDS)
    kept.keep("a", tmp_path / "made", "train", sum_of(RECORDS), "{}")
    kept.tidy()
    kept.clear(())
    assert (kept.take("a", tmp_path / "taken"), kept.members("train")) == (None, [])
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_keys_tell_what_they_are_made_of() -> None:
    keys = [key_of("a", 1, ["b", "c"]), key_of("a", "1", ["b", "c"]), key_of("a", 1, ["b"], "c"), key_of("a")]
    assert len(set(keys)) == 4
    assert key_of("a", 1, ["b", "c"]) == keys[0]
    assert all(len(key) == 32 for key in keys)


def test_the_framing_tells_records_and_their_order(tmp_path: Path) -> None:
    digests = []
    for number, records in enumerate([RECORDS, RECORDS[::-1], RECORDS[:3], [*RECORDS[:3], b"x" * 50], []]):
        write_shard(tmp_path / str(number), records)
        digests.append(framing_digest(tmp_path / str(number)))
    assert len(set(digests)) == 5
    write_shard(tmp_path / "again", RECORDS)
    assert framing_digest(tmp_path / "again") == digests[0]


def test_a_file_that_ends_within_a_record_has_no_framing(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", RECORDS)
    truncate(tmp_path / "a")
    with pytest.raises(ValueError, match="ends within the record at byte 198"):
        framing_digest(tmp_path / "a")
