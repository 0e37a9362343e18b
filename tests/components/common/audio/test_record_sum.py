"""A digest of records that knows neither order nor shards."""

from __future__ import annotations

import hashlib

from components.common.audio.record_sum import RecordSum, digest_of

RECORDS = [("train", b"a"), ("train", b"b"), ("train", b"b"), ("eval", b"c")]


def text(*records: tuple[str, bytes]) -> str:
    total = RecordSum()
    for split, record in records:
        total.add(split, record)
    return total.text


def test_neither_order_nor_shards_show() -> None:
    whole = digest_of([text(*RECORDS)])
    assert len(whole) == 32
    assert digest_of([text(*RECORDS[::-1])]) == whole
    assert digest_of([text(RECORDS[3]), text(), text(*RECORDS[:2]), text(RECORDS[2])]) == whole


def test_each_change_shows() -> None:
    whole = digest_of([text(*RECORDS)])
    changed = [
        RECORDS[:3],
        [*RECORDS, ("train", b"b")],
        [RECORDS[0], RECORDS[3]],  # hashes that cancel out would not show the pair
        [*RECORDS[:3], ("train", b"c")],
        [*RECORDS[:3], ("eval", b"d")],
    ]
    assert len({whole, *(digest_of([text(*records)]) for records in changed)}) == 6


def test_it_is_the_sum_of_the_hashes() -> None:
    def hashed(content: bytes) -> int:
        return int.from_bytes(hashlib.sha256(content).digest(), "big")

    numbers = [hashed(b"train\0" + bytes([number])) for number in range(9)]
    total = text(*(("train", bytes([number])) for number in range(9)))
    assert int(total, 16) == sum(numbers) % 2**256
    assert len(total) == 64
