"""The rows of segments files that a corpus is asked for, in columns."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.audio_ingest.labels import LabelFilter
from components.audio_ingest.row_labels import MIDS_ONLY, RowLabels
from components.audio_ingest.segment_rows import Segment
from components.audio_ingest.segments import read_segments
from components.common.audio.requests import stable_order

_FLUSH_AT = 1 << 16


@dataclass(frozen=True)
class AskedRows:
    """The rows of one split.

    Attributes:
      table: Those that passed: ytid, start_ms, end_ms, duration_ms, clip_id, labels, file, line.
      filtered: How many the label filter left out.
    """

    table: pa.Table
    filtered: int


def ask(
    files: Sequence[str],
    labels: LabelFilter,
    limit: int = 0,
    first: int | None = None,
    row_labels: RowLabels = MIDS_ONLY,
) -> AskedRows:
    """Reads the rows of a split.

    Args:
      files: Segments files, as paths or URLs, in the order in which they count.
      labels: Which labels are wanted.
      limit: How many rows at most, chosen by a stable hash; 0: all.
      first: How many rows of each file are looked at; None: all.
      row_labels: Knows the mids of labels that rows give by name.

    Raises:
      SegmentsError: If a file is malformed.
      PlaceError: If a file cannot be read.
    """
    columns = SegmentColumns(files)
    passes: dict[tuple[str, ...], bool] = {}
    filtered = 0
    for number, file in enumerate(files):
        for segment in islice(read_segments(file, row_labels), first):
            passing = passes.get(segment.labels)
            if passing is None:
                passing = passes[segment.labels] = labels.passes(segment.labels)
            if passing:
                columns.add(number, segment)
            else:
                filtered += 1
    return AskedRows(limited(columns.table(), limit), filtered)


def videos(files: Sequence[str], row_labels: RowLabels = MIDS_ONLY) -> pa.Array:
    """Ids of all videos of segments files, whatever their labels.

    Raises:
      SegmentsError: If a file is malformed.
      PlaceError: If a file cannot be read.
    """
    segments = (segment for file in files for segment in read_segments(file, row_labels))
    return pa.array(sorted({segment.ytid for segment in segments}), pa.string())


def among(table: pa.Table, known: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of which rows the video is among ``known``."""
    return pc.is_in(table["ytid"], value_set=known).to_numpy().astype(bool)


def first_of(keys: pa.ChunkedArray | pa.Array | np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each row the first row with the same key."""
    if not isinstance(keys, np.ndarray):
        encoded = keys.dictionary_encode()
        whole = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        keys = whole.indices.to_numpy()
    _, first, back = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(first[back], np.int64)


class SegmentColumns:
    """Takes segments one by one and keeps them in columns."""

    def __init__(self, files: Sequence[str]) -> None:
        """With the files that the rows are from, as paths or URLs."""
        self._names = pa.array([file.rpartition("/")[2] for file in files], pa.string())
        self._labels: dict[tuple[str, ...], int] = {}
        self._batches: list[pa.Array] = []
        self._ytids: list[str] = []
        self._starts, self._ends = array("q"), array("q")
        self._codes, self._files, self._lines = array("i"), array("b"), array("i")

    def add(self, file: int, segment: Segment) -> None:
        """Takes a segment of the file with this number."""
        self._ytids.append(segment.ytid)
        self._starts.append(segment.start_ms)
        self._ends.append(segment.end_ms)
        self._codes.append(self._labels.setdefault(segment.labels, len(self._labels)))
        self._files.append(file)
        self._lines.append(int(segment.source.rpartition(":")[2]))
        if len(self._ytids) >= _FLUSH_AT:
            self._flush()

    def table(self) -> pa.Table:
        """All segments so far, with the columns of :class:`AskedRows`."""
        self._flush()
        ytids = pa.concat_arrays(self._batches)
        starts = np.frombuffer(self._starts, np.int64)
        ends = np.frombuffer(self._ends, np.int64)
        times = [pa.array(one).cast(pa.string()) for one in (starts, ends)]
        known = pa.array([",".join(labels) for labels in self._labels], pa.string())
        return pa.table(
            {
                "ytid": ytids,
                "start_ms": starts,
                "end_ms": ends,
                "duration_ms": ends - starts,
                "clip_id": pc.binary_join_element_wise(ytids, *times, "_"),
                "labels": pa.DictionaryArray.from_arrays(np.frombuffer(self._codes, np.int32), known),
                "file": pa.DictionaryArray.from_arrays(np.frombuffer(self._files, np.int8), self._names),
                "line": np.frombuffer(self._lines, np.int32),
            }
        )

    def _flush(self) -> None:
        self._batches.append(pa.array(self._ytids, pa.string()))
        self._ytids = []


def limited(table: pa.Table, limit: int) -> pa.Table:
    """So many rows at most, chosen by a stable hash, in their order; 0: all."""
    if not limit or len(table) <= limit:
        return table
    order = np.array([stable_order(clip_id) for clip_id in table["clip_id"].to_pylist()], "V16")
    ranked = np.argsort(order.view(">u8").reshape(-1, 2)[:, 0], kind="stable")
    return table.take(pa.array(np.sort(ranked[:limit])))
