"""The clips of a corpus that are to be decoded, in columns; each becomes an object when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.audio_ingest.clip_index import ClipIndex, Rows
from components.audio_ingest.layouts.base import UNKNOWN_START
from components.common.audio.places import from_text, is_url
from components.common.audio.requests import ClipRequest

_CHUNK = 4_096
_OF_SEGMENT = ("clip_id", "start_ms", "duration_ms", "labels", "file", "line")
_OF_PLACE = ("member", "position", "size", "modified")
_COLUMNS = (*_OF_SEGMENT, *_OF_PLACE, "container", "version", "recording")


@dataclass(frozen=True)
class CorpusRequest(ClipRequest):
    """A clip of the corpus with its mids.

    Attributes:
      labels: Mids.
      position: Where in its pack it begins: a byte of a tar, a row of a parquet file.
      size: Its bytes in the pack, or of a file behind a URL; 0 if they are unknown.
    """

    labels: tuple[str, ...]
    position: int = field(default=0, kw_only=True)
    size: int = field(default=0, kw_only=True)

    @property
    def expected_seconds(self) -> float:
        """Length of the row's segment, in seconds."""
        return self.max_seconds


class CorpusRequests(Sequence[CorpusRequest]):
    """Requests of one split.

    A request is a few hundred bytes as an object and some eighty in columns. What is sliced or taken is in
    columns again, and stands alone when it is pickled.
    """

    def __init__(self, split: str, table: pa.Table) -> None:
        self._split, self._table = split, table

    @classmethod
    def of(
        cls, split: str, segments: pa.Table, index: ClipIndex, places: Rows, recordings: bool = False
    ) -> CorpusRequests:
        """The requests of segments whose sound was found.

        Args:
          split: Of the segments.
          segments: With the columns clip_id, start_ms, duration_ms, labels, file and line.
          index: Where the sound lies.
          places: Row of each segment's clip in the index.
          recordings: Whether sounds whose names say no start are whole recordings.
        """
        found = index.table.take(pa.array(places))
        columns = {name: segments[name] for name in _OF_SEGMENT}
        columns |= {name: found[name] for name in _OF_PLACE}
        numbers = found["container"].combine_chunks()
        columns["container"] = pa.DictionaryArray.from_arrays(
            numbers, pa.array(index.containers, pa.string())
        )
        versions = index.versions or [""] * len(index.containers)
        columns["version"] = pa.DictionaryArray.from_arrays(numbers, pa.array(versions, pa.string()))
        untimed = pc.equal(found["start_ms"], UNKNOWN_START)
        columns["untimed"] = untimed
        columns["recording"] = pc.and_(untimed, pa.scalar(recordings))
        return cls(split, pa.table(columns))

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[CorpusRequest]:
        for first in range(0, len(self), _CHUNK):
            chunk = self._table.slice(first, _CHUNK)
            columns = [_values(chunk[name]) for name in _COLUMNS]
            for row in zip(*columns, strict=True):
                yield self._request(*row)

    @overload
    def __getitem__(self, at: int) -> CorpusRequest: ...
    @overload
    def __getitem__(self, at: slice) -> CorpusRequests: ...
    def __getitem__(self, at: int | slice) -> CorpusRequest | CorpusRequests:
        if isinstance(at, slice):
            return self.take(np.arange(*at.indices(len(self)), dtype=np.int64))
        one = range(len(self))[at]
        return next(iter(self.take(np.array([one], np.int64))))

    def take(self, rows: Rows) -> CorpusRequests:
        """The requests at these places, in this order."""
        return CorpusRequests(self._split, self._table.take(pa.array(rows)))

    def segment_starts_s(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Where the segments begin in their videos, in seconds."""
        return np.asarray(self._table["start_ms"].to_numpy() / 1000)

    def untimed(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether the names of the sounds say no start."""
        return np.asarray(self._table["untimed"].to_numpy(), bool)

    def clip_ids(self) -> Iterator[str]:
        """Ids of all requests, without making the requests."""
        for chunk in self._table["clip_id"].chunks:
            for first in range(0, len(chunk), _CHUNK):
                yield from chunk.slice(first, _CHUNK).to_pylist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("CorpusRequests are not hashable")

    def plain(self) -> pa.Table:
        """The columns without dictionaries: one of all folders or label sets would travel with each part."""
        columns = {
            name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            for name, column in zip(self._table.column_names, self._table.columns, strict=True)
        }
        return pa.table(columns).combine_chunks()

    def __reduce__(self) -> tuple[Any, ...]:
        return CorpusRequests, (self._split, self.plain())

    def _request(
        self,
        clip_id: str,
        start_ms: int,
        duration_ms: int,
        labels: str,
        file: str,
        line: int,
        member: str,
        position: int,
        size: int,
        modified: float,
        container: str,
        version: str,
        recording: bool,
    ) -> CorpusRequest:
        member, container = from_text(member), from_text(container)
        path, pack = member, container
        if not version:  # a file in a folder
            path, pack = f"{container.rstrip('/')}/{member}", ""
            version = f"{size}-{modified}" if is_url(container) else ""
        return CorpusRequest(
            self._split,
            clip_id,
            path,
            f"{file}:{line}",
            duration_ms / 1000,
            tuple(labels.split(",")),
            start_seconds=start_ms / 1000 if recording else 0.0,
            pack=pack,
            version=version,
            position=position,
            size=size,
        )


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; a dictionary is looked up as a whole, which is many times faster."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return column.to_numpy().tolist()
