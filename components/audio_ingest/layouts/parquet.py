"""Parquet shards whose rows hold the bytes of sound files, as Hugging Face keeps AudioSet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from components.audio_ingest.layouts.base import MOST_BYTES, ContainerLayout, Entry, LayoutError, Strays
from components.audio_ingest.layouts.files import parse_any
from components.audio_ingest.layouts.parquet_pages import check_rows, is_prefixed, rows_at_once
from components.common.audio.errors import AudioError, Reason
from components.common.audio.places import FoundFile, PlaceError, open_binary
from components.common.audio.pointers import HEAD_BYTES, pointer

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ID_COLUMNS = ("video_id", "ytid", "youtube_id", "id")
AUDIO_COLUMN = "audio"
_BYTES = "bytes"

# Sounds held at once: a clip of ten seconds is up to two megabytes.
_TOGETHER = 16
_IDS_TOGETHER = 1 << 16
_BUFFER = 1 << 20
_LONGEST_ID = 256


class Parquet(ContainerLayout):
    """Parquet files with a column of ids and one of encoded sound."""

    name = "parquet"
    form = (
        f"*.parquet with the columns {' or '.join(ID_COLUMNS)} and {AUDIO_COLUMN} (bytes, or bytes and path)"
    )
    extensions = frozenset({".parquet"})

    def check(self, path: str) -> str:
        """See :meth:`ContainerLayout.check`."""
        try:
            with _opened(path) as file:
                names = _columns(file.schema_arrow, path)
                for idents in _idents(file, names.ident, path):
                    return f"{names.ident}={idents[0]!r}"
        except LayoutError:
            raise
        except _faults() as error:  # a PlaceError is one of them
            raise LayoutError(str(error)) from error
        return f"{names.ident}, no row"

    def entries(self, container: FoundFile, strays: Strays) -> Iterator[Entry]:
        """See :meth:`ContainerLayout.entries`."""
        path = container.path
        row = -1
        try:
            with _opened(path) as file:
                names = _columns(file.schema_arrow, path)
                for idents in _idents(file, names.ident, path):
                    for ident in idents:
                        row += 1
                        parsed = parse_any(str(ident)) if ident is not None else None
                        if parsed is None:
                            what = "row without an id" if ident is None else "unknown name"
                            strays.add(what, f"{path}: row {row}: {ident!r}")
                        else:
                            yield Entry(*parsed, f"row {row}", row)
        except _faults() as error:
            strays.add("unreadable parquet", f"{path} after row {row}: {error}")

    def read(self, path: str, places: Sequence[tuple[int, int]]) -> Iterator[bytes | AudioError]:
        """See :meth:`ContainerLayout.read`."""
        wanted = [position for position, _ in places]
        with _opened(path) as file:
            column = _columns(file.schema_arrow, path).sound
            first = 0
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                here = [row - first for row in wanted if first <= row < first + rows]
                if here:
                    yield from _sounds(file, group, here, column, path)
                first += rows
            for row in wanted:
                if row >= first:
                    yield AudioError(Reason.UNDECODABLE, f"{path} has {first} rows, row {row} was requested")


def _idents(file: pq.ParquetFile, column: str, path: str) -> Iterator[list[Any]]:
    """The ids of all rows, some at a time; an id that stands in many rows is unpacked once.

    Raises:
      ParquetBomb: If it would unpack to far more than there is.
    """
    import pyarrow as pa

    with open_binary(path) as raw:
        for group in range(file.metadata.num_row_groups):
            together = rows_at_once(
                raw, file.metadata, group, column, _IDS_TOGETHER, path, by_dictionary=True
            )
            for batch in file.iter_batches(together, row_groups=[group], columns=[column]):
                values = batch.column(0)
                if isinstance(values, pa.DictionaryArray):
                    known = [_short(value) for value in values.dictionary]
                    codes = values.indices.to_pylist()
                    yield [None if code is None else known[code] for code in codes]
                else:
                    yield [_short(value) for value in values]


def _short(value: Any) -> Any:
    """An id; of one that is none, its beginning."""
    ident = value.as_py()
    return ident[:_LONGEST_ID] if isinstance(ident, str | bytes) else ident


def _sounds(
    file: pq.ParquetFile, group: int, wanted: Sequence[int], column: str, path: str
) -> Iterator[bytes | AudioError]:
    """The sounds of some rows of one row group, ascending."""
    left = list(reversed(wanted))
    first = 0
    try:
        with open_binary(path) as raw:
            together = rows_at_once(raw, file.metadata, group, column, _TOGETHER, path)
        for batch in file.iter_batches(together, row_groups=[group], columns=[column]):
            values = batch.column(0)
            while left and left[-1] < first + len(batch):
                yield _sound(values[left.pop() - first].as_py())
            first += len(batch)
            if not left:
                return
    except _faults() as error:
        # A damaged page ends its row group; the others are read on.
        while left:
            left.pop()
            yield AudioError(Reason.UNDECODABLE, f"{path}, row group {group}: {error}")
    while left:
        left.pop()
        yield AudioError(Reason.UNDECODABLE, f"{path}, row group {group} ends after {first} rows")


def _sound(value: Any) -> bytes | AudioError:
    data = value.get(_BYTES) if isinstance(value, dict) else value
    if data is None:
        return AudioError(Reason.EMPTY, "the row has no audio, it is null")
    if len(data) > MOST_BYTES:
        return AudioError(Reason.UNDECODABLE, f"{len(data)} bytes, at most {MOST_BYTES} are held")
    return bytes(data)


class _Names:
    """Which columns are read."""

    def __init__(self, ident: str, sound: str) -> None:
        self.ident, self.sound = ident, sound


def _columns(schema: pa.Schema, path: str) -> _Names:
    """Raises: LayoutError: if a column is not there."""
    import pyarrow as pa

    ident = next((name for name in ID_COLUMNS if name in schema.names), None)
    sound = schema.field(AUDIO_COLUMN).type if AUDIO_COLUMN in schema.names else None
    if sound is not None and pa.types.is_struct(sound):
        inner = {field.name: field.type for field in sound}
        sound, column = inner.get(_BYTES), f"{AUDIO_COLUMN}.{_BYTES}"
    else:
        column = AUDIO_COLUMN
    binary = sound is not None and (pa.types.is_binary(sound) or pa.types.is_large_binary(sound))
    if ident is None or not binary:
        seen = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise LayoutError(
            f"{path} has the columns {seen}; accepted: an id ({', '.join(ID_COLUMNS)}) and "
            f"{AUDIO_COLUMN} with the bytes of a sound file"
        )
    return _Names(ident, column)


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    """Raises: PlaceError: if it is not a parquet file."""
    import pyarrow.parquet as pq

    with open_binary(path) as file:
        try:
            # Not buffered ahead: a row group of sounds may be larger than the memory.
            footer = pq.ParquetFile(file, pre_buffer=False).metadata
            ident = next((name for name in ID_COLUMNS if name in footer.schema.names), None)
            opened = pq.ParquetFile(
                file,
                metadata=footer,
                read_dictionary=[ident] if ident and not is_prefixed(footer, ident) else None,
                pre_buffer=False,
                buffer_size=_BUFFER,
            )
            check_rows(footer, file.seek(0, os.SEEK_END), path)
        except _faults() as error:
            file.seek(0)
            fault = pointer(file.read(HEAD_BYTES)) or f"not a parquet file: {error}"
            raise PlaceError(f"{path} is {fault}") from error
        with opened:
            yield opened


def _faults() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError)


LAYOUTS: tuple[ContainerLayout, ...] = (Parquet(),)
