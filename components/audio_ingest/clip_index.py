"""Which clips lie in a corpus and where, in columns: two million take some hundred megabytes."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.audio.errors import Reason
from components.audio.places import list_files
from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, FileLayout, Strays

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
        self._members.append(entry.member)
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
      containers: Folders, or shards, by number.
      versions: Of each shard; empty where clips are files.
      strays: What lies there and is no clip.
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
    return _finished(columns.table(), folders, (), strays)


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
    return _finished(whole, containers, versions, strays)


def _finished(
    table: pa.Table, containers: Iterable[str], versions: Iterable[str], strays: Strays
) -> ClipIndex:
    index = ClipIndex(table.combine_chunks(), tuple(containers), tuple(versions), strays)
    doubles = index.doubles()
    if doubles:
        strays.add("second clip of a name", "", doubles)
    return index


def _keys(ytids: pa.Array, starts_ms: Rows) -> pa.Array:
    return pc.binary_join_element_wise(ytids, pa.array(starts_ms).cast(pa.string()), " ")
