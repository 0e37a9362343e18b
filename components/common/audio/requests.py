"""What is to be taken in: clips, and the shards they go to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from components.common.audio.errors import Note, Reason
from components.common.audio.places import printable
from schemas.ingest_reports import QuarantinedClip


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
      version: What tells a changed source from the same one, as size and time of a pack or of a file in a
        store; empty: size and time of ``path`` are looked up where that is needed.
    """

    group: str
    clip_id: str
    path: str
    source: str
    max_seconds: float
    start_seconds: float = field(default=0.0, kw_only=True)
    pack: str = field(default="", kw_only=True)
    version: str = field(default="", kw_only=True)

    @property
    def expected_seconds(self) -> float:
        """How long the clip should be, in seconds; 0: nobody says."""
        return 0.0

    @property
    def key(self) -> str:
        """Digest of all that its record depends on, 32 hexadecimal digits.

        Where it is asked for is not a part of it: a row above it in the CSV does not make it another clip.
        """
        facts = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        facts["source"], facts["version"] = "", self.version or file_version(self.path)
        text = json.dumps(facts, default=dataclasses.asdict)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


RequestT = TypeVar("RequestT", bound=ClipRequest)


Places = np.ndarray[Any, np.dtype[np.int64]]


@runtime_checkable
class Columns(Protocol):
    """Requests that are kept in columns, because there are millions of them."""

    def take(self, rows: Places) -> Any:
        """The requests at these places, in this order."""


@dataclass(frozen=True)
class Shard(Generic[RequestT]):
    """The clips of one TFRecord file: shard ``index`` of ``count`` of a split.

    ``keys`` are those of the requests, where finished shards are kept.
    """

    split: str
    index: int
    count: int
    requests: Sequence[RequestT]
    keys: Sequence[str] = ()


def stable_order(key: str) -> bytes:
    """A sort key that mixes well and is the same on every machine and in every run."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def file_version(path: str) -> str:
    """Size and time of a file, which tell a changed one from the one that was read; ``-``: there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return "-"
    return f"{status.st_size}-{status.st_mtime_ns}"


def make_shards(split: str, requests: Sequence[RequestT], shard_clips: int) -> list[Shard[RequestT]]:
    """Cuts the clips of a split into shards.

    Clips without a pack are mixed by a stable hash of their ids. Those of a pack keep their order and
    have shards to themselves: picking them here and there would read the pack once for each shard.
    """
    parts = _parts(requests, range(len(requests)), shard_clips)
    return [Shard(split, index, len(parts), _take(requests, rows)) for index, rows in enumerate(parts)]


def extend_shards(
    split: str, requests: Sequence[RequestT], shard_clips: int, earlier: Iterable[Sequence[str]]
) -> list[Shard[RequestT]]:
    """Cuts the clips of a split into shards, leaving together what was together before.

    A shard of an earlier execution stays what it is if all its clips are still asked for and unchanged. The
    others, new ones for example, get shards of their own, as :func:`make_shards` cuts them: any other rule
    would put a few of them into each shard, and all shards would have to be made again.

    Args:
      split: Of the clips.
      requests: All clips of the split.
      shard_clips: Clips of a shard.
      earlier: Keys of the clips of each earlier shard, in its order.

    Returns:
      Shards with keys.

    Raises:
      ValueError: If a clip is asked for twice.
    """
    keys = [request.key for request in requests]
    waiting = {key: row for row, key in enumerate(keys)}
    if len(waiting) < len(keys):
        raise ValueError(f"split {split!r} asks for {len(keys) - len(waiting)} clips twice")
    parts = []
    for members in earlier:
        if len(members) <= shard_clips and all(key in waiting for key in members):
            parts.append([waiting.pop(key) for key in members])
    parts += _parts(requests, waiting.values(), shard_clips)
    return [
        Shard(split, index, len(parts), _take(requests, rows), tuple(keys[row] for row in rows))
        for index, rows in enumerate(parts)
    ]


def _parts(requests: Sequence[RequestT], wanted: Collection[int], shard_clips: int) -> list[list[int]]:
    """Places of the wanted requests, shard by shard; no request is held on to, there may be millions."""
    packs: dict[str, list[tuple[bytes, int]]] = defaultdict(list)
    chosen = wanted if isinstance(wanted, range) else set(wanted)
    for row, request in enumerate(requests):
        if row in chosen:
            packs[request.pack].append((b"" if request.pack else stable_order(request.clip_id), row))
    parts = []
    for _, members in sorted(packs.items()):
        members.sort()
        rows = [row for _, row in members]
        parts += [rows[first : first + shard_clips] for first in range(0, len(rows), shard_clips)]
    return parts


def _take(requests: Sequence[RequestT], rows: Sequence[int]) -> Sequence[RequestT]:
    if isinstance(requests, Columns):
        taken: Sequence[RequestT] = requests.take(np.array(rows, np.int64))
        return taken
    return tuple(requests[row] for row in rows)


def quarantined(clip_id: str, source: str, reason: Reason | Note, detail: str) -> QuarantinedClip:
    """A line of the quarantine file, or of the list of clips that are taken with a note."""
    return QuarantinedClip(
        clip_id=printable(clip_id),
        source=printable(source),
        reason=str(reason),
        detail=printable(detail),
    )
