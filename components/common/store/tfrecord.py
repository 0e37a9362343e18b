"""TFRecord files, read and written without TensorFlow.

The form is TensorFlow's (``tensorflow/core/lib/io/record_writer.h``): the length of a record, a masked
CRC-32C of the length, the record, a masked CRC-32C of it. TensorFlow's own readers take several times what
the records themselves take; this is as fast as the file is read and its checksums are computed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import google_crc32c

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20


class DamagedFile(ValueError):
    """A TFRecord file that ends within a record, or whose checksums do not fit."""


class RecordWriter:
    """Writes records to one file; a context manager."""

    def __init__(self, path: str | Path) -> None:
        """Opens the file; what is there is replaced."""
        self._file = open(path, "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115

    def write(self, record: bytes) -> None:
        """Appends a record."""
        length = struct.pack("<Q", len(record))
        self._file.write(_HEAD.pack(len(record), _masked(length)))
        self._file.write(record)
        self._file.write(_TAIL.pack(_masked(record)))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_records(path: str | Path) -> Iterator[bytes]:
    """The records of a file, in order, checked.

    Raises:
      DamagedFile: With the place, if a checksum does not fit or the file ends within a record.
    """
    with open(path, "rb", buffering=_BUFFER_BYTES) as file:
        position = 0
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise _ends_within(path, position)
            length, checksum = _HEAD.unpack(head)
            if _masked(head[:8]) != checksum:
                raise _damaged(path, position)
            record, tail = file.read(length), file.read(_TAIL.size)
            if len(tail) < _TAIL.size:
                raise _ends_within(path, position)
            if _masked(record) != _TAIL.unpack(tail)[0]:
                raise _damaged(path, position)
            position += _HEAD.size + length + _TAIL.size
            yield record


def read_frames(path: str | Path) -> Iterator[bytes]:
    """Of each record its length and both checksums, 16 bytes; the records themselves are jumped over.

    Raises:
      DamagedFile: If the file ends within a record.
    """
    with open(path, "rb", buffering=0) as file:
        size, position = file.seek(0, 2), 0
        while position < size:
            file.seek(position)
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise _ends_within(path, position)
            end = position + _HEAD.size + _HEAD.unpack(head)[0] + _TAIL.size
            if end > size:
                raise _ends_within(path, position)
            file.seek(end - _TAIL.size)
            yield head + file.read(_TAIL.size)
            position = end


def count_records(path: str | Path) -> int:
    """Records of a TFRecord file, without reading them.

    Raises:
      DamagedFile: If the file ends within a record.
    """
    return sum(1 for _ in read_frames(path))


def framing_digest(path: str | Path) -> str:
    """Digest of a TFRecord file by the checksums it holds itself: the CRC-32C and the length of each record.

    The records themselves are jumped over, so it takes next to nothing however long the file is.

    Raises:
      DamagedFile: If the file ends within a record.
    """
    digest = hashlib.blake2b(digest_size=16)
    for frame in read_frames(path):
        digest.update(frame)
    return digest.hexdigest()


def _masked(content: bytes) -> int:
    checksum: int = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _damaged(path: str | Path, position: int) -> DamagedFile:
    return DamagedFile(f"{path}: the record at byte {position} is damaged: its checksum does not fit")


def _ends_within(path: str | Path, position: int) -> DamagedFile:
    return DamagedFile(f"{path}: the file ends within the record at byte {position}")
