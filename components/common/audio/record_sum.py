"""A digest of many records that does not ask in which order, or in which shards, they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_BYTES = 32


class RecordSum:
    """The sum of the hashes of records, so that shards are added up in any order.

    A record that stands there twice counts twice. It says whether two sets are the same; it is not a proof
    against somebody who wants two sets to look the same.
    """

    def __init__(self) -> None:
        """Of no record."""
        self._total = 0

    def add(self, split: str, record: bytes) -> None:
        """Counts a serialised record of a split."""
        # Processors have instructions for it, so it takes half of what others take; every sample passes here.
        hashed = hashlib.sha256(split.encode() + b"\0")
        hashed.update(record)
        self._total += int.from_bytes(hashed.digest(), "big")

    @property
    def text(self) -> str:
        """The sum as 64 hexadecimal digits, to travel in a summary."""
        return f"{self._total % (1 << 8 * _BYTES):0{2 * _BYTES}x}"


def digest_of(sums: Iterable[str]) -> str:
    """Digest of the records of several shards, 32 hexadecimal digits.

    Args:
      sums: :attr:`RecordSum.text` of each shard.
    """
    total = sum(int(text, 16) for text in sums) % (1 << 8 * _BYTES)
    return hashlib.blake2b(total.to_bytes(_BYTES, "big"), digest_size=16).hexdigest()
