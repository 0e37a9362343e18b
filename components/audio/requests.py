"""What is to be taken in: clips, and the shards they go to."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from components.audio.errors import Reason
from schemas.reports import QuarantinedClip


@dataclass(frozen=True)
class ClipRequest:
    """A clip to decode.

    Attributes:
      group: What it is counted under in the report.
      clip_id: Its id in the records.
      path: The sound file.
      source: Where it is asked for, as ``file:line``.
      max_seconds: What comes after is cut off.
      start_seconds: Where the clip begins in the file.
      pack: What holds the clip together with others and is read from front to back; empty: nothing.
    """

    group: str
    clip_id: str
    path: str
    source: str
    max_seconds: float
    start_seconds: float = field(default=0.0, kw_only=True)
    pack: str = field(default="", kw_only=True)


RequestT = TypeVar("RequestT", bound=ClipRequest)


@dataclass(frozen=True)
class Shard(Generic[RequestT]):
    """The clips of one TFRecord file: shard ``index`` of ``count`` of a split."""

    split: str
    index: int
    count: int
    requests: tuple[RequestT, ...]


def stable_order(key: str) -> bytes:
    """A sort key that mixes well and is the same on every machine and in every run."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def make_shards(split: str, requests: Sequence[RequestT], shard_clips: int) -> list[Shard[RequestT]]:
    """Cuts the clips of a split into shards.

    Clips without a pack are mixed by a stable hash of their ids. Those of a pack keep their order and
    have shards to themselves: picking them here and there would read the pack once for each shard.
    """
    packs: dict[str, list[RequestT]] = defaultdict(list)
    for request in requests:
        packs[request.pack].append(request)
    packs[""].sort(key=lambda request: (stable_order(request.clip_id), request.clip_id))
    parts = [
        tuple(packs[pack][first : first + shard_clips])
        for pack in sorted(packs)
        for first in range(0, len(packs[pack]), shard_clips)
    ]
    return [Shard(split, index, len(parts), part) for index, part in enumerate(parts)]


def quarantined(clip_id: str, source: str, reason: Reason, detail: str) -> QuarantinedClip:
    """A line of the quarantine file."""
    return QuarantinedClip(clip_id=clip_id, source=source, reason=str(reason), detail=detail)
