from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.common.audio.errors import Reason
from components.common.audio.fingerprint import fingerprint
from components.common.audio.intake_report import check_counts, merge_counts, refusal
from components.common.audio.requests import ClipRequest, make_shards, quarantined
from components.common.audio.settings import IntakeSettings
from components.common.audio.shard_writer import ShardSummary
from schemas.ingest_reports import SplitCounts


def request(name: str) -> ClipRequest:
    return ClipRequest("train", name, f"{name}.wav", "a.csv:4", 10.0)


def test_shards_hold_everything_once_mixed_and_independent_of_the_order() -> None:
    requests = [request(f"clip{number:03d}") for number in range(100)]
    shards = make_shards("train", requests, 30)
    assert [(shard.index, shard.count, len(shard.requests)) for shard in shards] == [
        (0, 4, 30), (1, 4, 30), (2, 4, 30), (3, 4, 10),
    ]  # fmt: skip
    found = [made for shard in shards for made in shard.requests]
    assert sorted(found, key=lambda made: made.clip_id) == requests
    assert found != requests
    # A well mixed first shard takes its clips from all over the list.
    assert {int(made.clip_id[4:]) // 25 for made in shards[0].requests} == {0, 1, 2, 3}
    assert make_shards("train", requests[::-1], 30) == shards


def test_a_pack_has_shards_to_itself_in_its_own_order() -> None:
    packed = [
        ClipRequest("train", f"{pack}{n}", "", "", 10.0, pack=pack) for pack in ("b", "a") for n in range(5)
    ]
    loose = [request(f"clip{number}") for number in range(3)]
    shards = make_shards("train", [*packed, *loose], 4)
    assert [(shard.index, shard.count) for shard in shards] == [(index, 5) for index in range(5)]
    assert sorted(made.clip_id for made in shards[0].requests) == ["clip0", "clip1", "clip2"]
    assert [[made.clip_id for made in shard.requests] for shard in shards[1:]] == [
        ["a0", "a1", "a2", "a3"], ["a4"], ["b0", "b1", "b2", "b3"], ["b4"],
    ]  # fmt: skip


def test_fingerprint_sees_names_sizes_and_times(tmp_path: Path) -> None:
    clip = tmp_path / "a" / "one.wav"
    clip.parent.mkdir()
    clip.write_bytes(b"12")
    first = fingerprint([tmp_path])
    assert fingerprint([tmp_path]) == first
    assert len(first) == 32
    (tmp_path / ".hidden").write_bytes(b"1")
    assert fingerprint([tmp_path]) == first
    os.utime(clip, (1, 1))
    touched = fingerprint([tmp_path])
    clip.write_bytes(b"123")
    os.utime(clip, (1, 1))
    grown = fingerprint([tmp_path])
    moved = clip.rename(clip.with_name("two.wav"))
    assert len({first, touched, grown, fingerprint([tmp_path])}) == 4
    assert fingerprint([moved]) != fingerprint([tmp_path / "absent"])


def summary(clips: int, bad: list[Reason]) -> ShardSummary:
    left_out = [quarantined(f"bad{n}", f"a.csv:{n}", reason, "why") for n, reason in enumerate(bad)]
    return ShardSummary(
        clips={"train": clips},
        samples={"train": clips * 16_000},
        quarantined={"train": left_out},
        digests=[],
        record_sum="0",
    )


def test_counts_add_up() -> None:
    early = {"train": [quarantined("gone", "a.csv:9", Reason.MISSING, "no file")]}
    counts, bad = merge_counts(
        {"train": 6}, {"train": 5}, early, [summary(2, [Reason.SILENT]), summary(2, [])]
    )
    assert counts["train"].model_dump() == {
        "rows": 6,
        "filtered": 5,
        "clips": 4,
        "hours": 4 / 3600,
        "quarantined": {"missing": 1, "silent": 1},
    }
    assert [clip.clip_id for clip in bad["train"]] == ["gone", "bad0"]


@pytest.mark.parametrize(
    ("clips", "bad", "missing", "message"),
    [
        (9, 1, 0, None),
        (9, 1, 5, None),
        (8, 2, 0, r"train: 2 of 10 clips are bad \(20.0%\), max_bad_share allows 10.0%; 10 rows, 0 filtered "
                  r"out, left out: silent 2; for example bad0 \(a.csv:0\): silent, why"),
        (9, 0, 11, r"train: 11 of 20 rows have no file \(55.0%\), max_missing_share allows 50.0%"),
        (0, 0, 3, "train: nothing remains; 3 rows, 0 filtered out, left out: missing 3"),
        (0, 2, 0, "train: nothing remains; 2 rows, 0 filtered out, left out: silent 2"),
        (0, 0, 0, "train: nothing remains; 0 rows, 0 filtered out, left out: none"),
    ],
)  # fmt: skip
def test_refusal(clips: int, bad: int, missing: int, message: str | None) -> None:
    settings = IntakeSettings(max_bad_share=0.1, max_missing_share=0.5)
    gone = [quarantined(f"gone{n}", f"a.csv:{n}", Reason.MISSING, "no file") for n in range(missing)]
    counts, left_out = merge_counts(
        {"train": clips + bad + missing}, {}, {"train": gone}, [summary(clips, [Reason.SILENT] * bad)]
    )
    problem = refusal(counts, left_out, settings)
    if message is None:
        assert problem is None
    else:
        with pytest.raises(ValueError, match=message):
            raise ValueError(problem)


def test_held_out_rows_are_not_bad() -> None:
    out = [quarantined(f"held{n}", f"a.csv:{n}", Reason.HELD_OUT, "") for n in range(8)]
    counts, bad = merge_counts({"train": 10}, {}, {"train": out}, [summary(2, [])])
    assert refusal(counts, bad, IntakeSettings(max_bad_share=0, max_missing_share=0)) is None
    counts, bad = merge_counts({"train": 11}, {}, {"train": out}, [summary(2, [Reason.SILENT])])
    assert "1 of 3 clips are bad" in (refusal(counts, bad, IntakeSettings(max_bad_share=0.3)) or "")


def test_a_lost_clip_stops_the_run() -> None:
    def counts(rows: int) -> dict[str, SplitCounts]:
        return {"train": SplitCounts(rows=rows, clips=7, hours=1, quarantined={"missing": 2, "silent": 1})}

    check_counts(counts(10))
    for rows in (9, 11):
        with pytest.raises(
            RuntimeError, match=rf"train: {rows} clips were requested, but 7 were taken and 3 left"
        ):
            check_counts(counts(rows))
