"""What reading a column of a parquet file will unpack to, told from its page headers.

A page is unpacked as a whole to the size that its header claims, whatever the footer says; a few kilobytes of
zstd can claim gigabytes. The headers are Thrift structs in the compact protocol
(https://github.com/apache/parquet-format, https://github.com/apache/thrift/blob/master/doc/specs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from components.audio_ingest.layouts.base import allowance

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_HEADER_BYTES = 1 << 16
_TYPE, _UNCOMPRESSED, _COMPRESSED = 1, 2, 3
_DICTIONARY = 2
_PREFIXED = "DELTA_BYTE_ARRAY"
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_DEEPEST = 8
# What a dictionary or the value before stands for is unpacked once for each row that is read at a time.
_AT_ONCE_BYTES = 64 << 20
# Less than any sound file takes, so that a file cannot claim more rows than its bytes can hold.
_LEAST_ROW_BYTES, _ROWS_ANYWAY = 16, 1 << 17


class ParquetBomb(ValueError):
    """A file that claims more than its bytes can hold."""


def check_rows(metadata: pq.FileMetaData, size: int, path: str) -> None:
    """Raises: ParquetBomb: if there are more rows than the file's bytes can hold."""
    most = max(_ROWS_ANYWAY, size // _LEAST_ROW_BYTES)
    if metadata.num_rows > most:
        raise ParquetBomb(f"{path} claims {metadata.num_rows} rows in {size} bytes, at most {most} are read")


def is_prefixed(metadata: pq.FileMetaData, column: str) -> bool:
    """Whether values of a column are told by what they share with the value before."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return any(
        _PREFIXED in group.column(number).encodings
        for group in groups
        for number in range(group.num_columns)
        if _is(group.column(number), column)
    )


def rows_at_once(
    file: BinaryIO,
    metadata: pq.FileMetaData,
    group: int,
    column: str,
    most: int,
    path: str,
    *,
    by_dictionary: bool = False,
) -> int:
    """How many rows of a column chunk may be read at once.

    Args:
      file: The parquet file.
      metadata: Its footer.
      group: Number of the row group.
      column: Path of the column.
      most: Rows wanted at most.
      path: For messages.
      by_dictionary: What a dictionary stands for is unpacked once, not for each row.

    Raises:
      ParquetBomb: If a page claims to unpack to far more than its bytes.
      ValueError: If a page header is damaged.
    """
    chunks = metadata.row_group(group)
    numbers = [number for number in range(chunks.num_columns) if _is(chunks.column(number), column)]
    for number in numbers:
        chunk = chunks.column(number)
        at = chunk.data_page_offset
        if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < at:
            at = chunk.dictionary_page_offset
        end = at + chunk.total_compressed_size
        # A value may begin with all that the value before it is, so that each can be as long as a page.
        prefixed = _PREFIXED in chunk.encodings
        while at < end:
            file.seek(at)
            header = _Header(file.read(_HEADER_BYTES))
            if header.unpacked > allowance(header.packed):
                raise ParquetBomb(
                    f"{path}, row group {group}, {column}: {header.packed} bytes claim to unpack to "
                    f"{header.unpacked}, at most {allowance(header.packed)} are unpacked"
                )
            if prefixed or (header.kind == _DICTIONARY and not by_dictionary):
                most = max(1, min(most, _AT_ONCE_BYTES // max(1, header.unpacked)))
            at += header.length + header.packed
    return most


def _is(chunk: pq.ColumnChunkMetaData, column: str) -> bool:
    return bool(chunk.path_in_schema == column or chunk.path_in_schema.startswith(f"{column}."))


class _Header:
    """A page header at the beginning of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self.length = data, 0
        fields: dict[int, int] = {}
        try:
            self._struct(0, fields)
        except IndexError as error:
            raise ValueError("a page header is cut short") from error
        if not {_TYPE, _UNCOMPRESSED, _COMPRESSED} <= fields.keys():
            raise ValueError("a page header lacks a field")
        self.kind, self.unpacked, self.packed = (
            fields[field] for field in (_TYPE, _UNCOMPRESSED, _COMPRESSED)
        )
        if self.unpacked < 0 or self.packed < 0:
            raise ValueError(f"a page header claims {self.packed} bytes that unpack to {self.unpacked}")

    def _byte(self) -> int:
        self.length += 1
        return self._data[self.length - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a page header holds a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _struct(self, depth: int, fields: dict[int, int] | None = None) -> None:
        number = 0
        while kind := self._byte():
            delta, kind = kind >> 4, kind & 15
            number = number + delta if delta else self._integer()
            value = self._value(kind, depth + 1)
            if fields is not None and value is not None:
                fields[number] = value

    def _value(self, kind: int, depth: int, in_list: bool = False) -> int | None:
        if depth > _DEEPEST:
            raise ValueError("a page header is nested too deeply")
        if kind in (_TRUE, _FALSE):
            self.length += in_list
        elif kind == _BYTE:
            self.length += 1
        elif kind in (4, 5, 6):
            return self._integer()
        elif kind == _DOUBLE:
            self.length += 8
        elif kind == _BINARY:
            size = self._varint()
            self.length += size
        elif kind in (_LIST, _SET):
            head = self._byte()
            for _ in range(self._few(head >> 4 if head >> 4 < 15 else self._varint())):
                self._value(head & 15, depth + 1, in_list=True)
        elif kind == _STRUCT:
            self._struct(depth + 1)
        else:
            raise ValueError(f"a page header holds a field of the unknown type {kind}")
        return None

    def _few(self, number: int) -> int:
        if number > len(self._data):
            raise ValueError(f"a page header claims a list of {number}")
        return number
