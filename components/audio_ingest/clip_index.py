"""Which clips lie in a corpus and where, in columns: two million take some hundred megabytes."""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, FileLayout, Strays
from components.common.audio.errors import Reason
from components.common.audio.places import list_files, to_text

ABSENT = -1

Rows = np.ndarray[Any, np.dtype[np.int64]]

SCHEMA = pa.schema(
    [
        ("ytid", pa.string()),
        ("start_ms", pa.int64()),
        ("container", pa.int32()),
        ("member", pa.string()),
        ("position", pa.int64()),
        ("size", pa.int64()),
        ("modified", pa.float64()),
        ("flaw", pa.dictionary(pa.int8(), pa.string())),
    ]
)
_FLAWS = [str(reason) for reason in Reason]
_FLUSH_AT = 1 << 16
# What names' starts are multiplied by. Some are in seconds where their layout says milliseconds, or the other
# way round.
_AS_NAMED, _THOUSANDFOLD, _THOUSANDTH = 1, 1000, 0.001
_NO_START = -2

_logger = logging.getLogger("tinytrill.audio_ingest")


class EntryColumns:
    """Takes entries one by one and keeps them in columns."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._clear()

    def add(self, container: int, entry: Entry, modified: float = 0.0) -> None:
        """Takes an entry of the container with this number."""
        self._ytids.append(entry.ytid)
        self._starts.append(entry.start_ms)
        self._containers.append(container)
        self._members.append(to_text(entry.member))
        self._positions.append(entry.position)
        self._sizes.append(entry.size)
        self._modified.append(modified)
        self._flaws.append(ABSENT if entry.flaw is None else _FLAWS.index(entry.flaw))
        if len(self._ytids) >= _FLUSH_AT:
            self._flush()

    def table(self) -> pa.Table:
        """All entries so far, with the columns of ``SCHEMA``."""
        self._flush()
        return pa.Table.from_batches(self._batches, SCHEMA)

    def _flush(self) -> None:
        flaws = np.frombuffer(self._flaws, np.int8)
        columns = [
            pa.array(self._ytids, pa.string()),
            pa.array(np.frombuffer(self._starts, np.int64)),
            pa.array(np.frombuffer(self._containers, np.int32)),
            pa.array(self._members, pa.string()),
            pa.array(np.frombuffer(self._positions, np.int64)),
            pa.array(np.frombuffer(self._sizes, np.int64)),
            pa.array(np.frombuffer(self._modified, np.float64)),
            pa.DictionaryArray.from_arrays(pa.array(flaws, mask=flaws == ABSENT), pa.array(_FLAWS)),
        ]
        self._batches.append(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
        self._clear()

    def _clear(self) -> None:
        self._ytids: list[str] = []
        self._members: list[str] = []
        self._starts, self._positions, self._sizes = array("q"), array("q"), array("q")
        self._containers, self._modified, self._flaws = array("i"), array("d"), array("b")


@dataclass(frozen=True)
class ClipIndex:
    """All clips of a corpus.

    Attributes:
      table: A row for each, with the columns of ``SCHEMA``, in the order in which they lie.
      containers: Folders, or shards, by number; as the members in the table, by ``places.to_text``.
      versions: Of each shard; empty where clips are files.
      strays: What lies there and is not a clip.
    """

    table: pa.Table
    containers: tuple[str, ...]
    versions: tuple[str, ...]
    strays: Strays

    def __len__(self) -> int:
        return len(self.table)

    def find(self, ytids: pa.Array, starts_ms: Rows) -> Rows:
        """Row of each asked clip in ``table``, ``ABSENT`` if there is none.

        A clip whose name says where it begins beats one whose name says nothing, and one that may be read
        beats one that may not; of several alike the first counts.

        Args:
          ytids: Of the asked clips.
          starts_ms: Of the asked clips.
        """
        found = np.full(len(ytids), ABSENT, np.int64)
        if not len(self.table):
            return found
        starts = self.table["start_ms"].to_numpy()
        sound = self.table["flaw"].is_null().to_numpy()
        for readable in (sound, ~sound):
            for timed in (starts != UNKNOWN_START, starts == UNKNOWN_START):
                rows = np.flatnonzero(readable & timed)
                open_ends = np.flatnonzero(found == ABSENT)
                if not len(rows) or not len(open_ends):
                    continue
                here = self.table["ytid"].take(rows)
                asked = ytids.take(pa.array(open_ends))
                if starts[rows[0]] != UNKNOWN_START:
                    here, asked = _keys(here, starts[rows]), _keys(asked, starts_ms[open_ends])
                matched = pc.index_in(asked, value_set=here).fill_null(ABSENT).to_numpy(zero_copy_only=False)
                hit = matched != ABSENT
                found[open_ends[hit]] = rows[matched[hit]]
        return found

    def untimed(self, places: Rows) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether the names of the clips at these rows, ``ABSENT`` among them, say no start."""
        starts = np.append(self.table["start_ms"].to_numpy(), 0)  # ABSENT is the last
        return np.asarray(starts[places] == UNKNOWN_START)

    def in_unit_of(self, tables: Iterable[pa.Table]) -> ClipIndex:
        """The index with the starts of its names in the unit in which most of them are asked for.

        ``<id>_30_40`` and ``<id>_30000_40000`` mean the same ten seconds; only the rows tell.

        Args:
          tables: What is asked for, with the columns ytid and start_ms.
        """
        starts = self.table["start_ms"].to_numpy()
        timed = np.flatnonzero(starts != UNKNOWN_START)
        if not len(timed):
            return self
        asked = pa.concat_arrays(
            [_keys(_whole(table["ytid"]), table["start_ms"].to_numpy()) for table in tables]
        )
        ytids = self.table["ytid"].take(pa.array(timed))
        best, most = starts, -1
        for unit in (_AS_NAMED, _THOUSANDFOLD, _THOUSANDTH):
            scaled = np.where(starts == UNKNOWN_START, starts, _in_unit(starts, unit))
            fitting = pc.sum(pc.is_in(_keys(ytids, scaled[timed]), value_set=asked)).as_py() or 0
            if fitting > most:
                best, most = scaled, fitting
        if best is starts or np.array_equal(best, starts):
            return self
        _logger.info("the starts in names of clips are read in another unit: %d of %d fit", most, len(timed))
        column = SCHEMA.get_field_index("start_ms")
        return replace(self, table=self.table.set_column(column, "start_ms", pa.array(best)))

    def fitting(self, tables: Iterable[pa.Table]) -> int:
        """Clips that rows ask for; see :meth:`in_unit_of`."""
        asked = pa.concat_tables(table.select(["ytid", "start_ms"]) for table in tables)
        starts = self.table["start_ms"].to_numpy()
        untimed = starts == UNKNOWN_START
        ytids, wanted = _whole(self.table["ytid"]), _whole(asked["ytid"])
        here = pc.is_in(ytids, value_set=wanted).to_numpy(zero_copy_only=False)
        keys = _keys(wanted, asked["start_ms"].to_numpy())
        timed = pc.is_in(_keys(ytids, starts), value_set=keys).to_numpy(zero_copy_only=False)
        return int(np.count_nonzero(np.where(untimed, here, timed)))

    def doubles(self) -> int:
        """Clips that lie there more than once, apart from the first of each."""
        if not len(self.table):
            return 0
        keys = _keys(self.table["ytid"], self.table["start_ms"].to_numpy())
        return len(self.table) - pc.count_distinct(keys).as_py()


def index_files(folder: str, layout: FileLayout) -> ClipIndex:
    """Lists the sound files of a folder.

    Args:
      folder: Path or URL.
      layout: How their names are read.

    Raises:
      PlaceError: If the folder cannot be listed.
    """
    columns, strays = EntryColumns(), Strays()
    folders: dict[str, int] = {}
    for file in list_files(folder, layout.extensions):
        parsed = layout.parse(os.path.splitext(file.name)[0])
        if parsed is None:
            strays.add("unknown name", file.path)
            continue
        number = folders.setdefault(file.folder, len(folders))
        columns.add(number, Entry(*parsed, file.name, size=max(file.size, 0)), file.modified)
    return finished_index(columns.table(), folders, (), strays)


def index_tables(
    containers: Iterable[str], versions: Iterable[str], tables: Iterable[pa.Table], strays: Strays
) -> ClipIndex:
    """Puts the clips of containers, in their order, into one index."""
    numbered = [
        table.set_column(
            SCHEMA.get_field_index("container"), "container", pa.array(np.full(len(table), number, np.int32))
        )
        for number, table in enumerate(tables)
    ]
    whole = pa.concat_tables(numbered) if numbered else SCHEMA.empty_table()
    return finished_index(whole, containers, versions, strays)


def finished_index(
    table: pa.Table, containers: Iterable[str], versions: Iterable[str], strays: Strays
) -> ClipIndex:
    """The index of these entries; second clips of a name are counted among the strays."""
    index = ClipIndex(table.combine_chunks(), tuple(map(to_text, containers)), tuple(versions), strays)
    doubles = index.doubles()
    if doubles:
        strays.add("second clip of a name", "", doubles)
    return index


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _in_unit(starts_ms: Rows, unit: float) -> Rows:
    if unit != _THOUSANDTH:
        return starts_ms * round(unit)
    return np.where(starts_ms % 1000 == 0, starts_ms // 1000, _NO_START)


def _keys(ytids: pa.Array, starts_ms: Rows) -> pa.Array:
    return pc.binary_join_element_wise(ytids, pa.array(starts_ms).cast(pa.string()), " ")
