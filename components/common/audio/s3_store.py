"""Beam's S3 file system with one connection for all files.

Beam 2.77 makes a client anew for each question and each file, which costs several times what decoding a clip
does. boto3's clients may be shared by threads; what Beam wraps around one keeps the place in one open file.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from apache_beam.io.aws.s3filesystem import S3FileSystem
from apache_beam.io.filesystem import CompressedFile, CompressionTypes, FileMetadata

_latest: tuple[Any, S3Store] | None = None


class S3Store:
    """As much of a file system as reading takes."""

    def __init__(self, options: Any) -> None:
        """Connects.

        Args:
          options: Beam's, with those of S3.
        """
        from apache_beam.io.aws.clients.s3 import boto3_client

        self._client = boto3_client.Client(options=options)

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        return bool(self._io().exists(path))

    def metadata(self, path: str) -> FileMetadata:
        """Size and time of an object."""
        io = self._io()
        return FileMetadata(path, io.size(path), io.last_updated(path))

    def open(self, path: str, mime_type: str, compression_type: str) -> Any:
        """Opens an object for reading."""
        file = self._io().open(path, "rb", mime_type=mime_type)
        zipped = compression_type != CompressionTypes.UNCOMPRESSED
        return CompressedFile(file, compression_type=compression_type) if zipped else file

    def _list(self, prefix: str) -> Iterator[FileMetadata]:
        for path, (size, updated) in self._io().list_files(prefix, with_metadata=True):
            yield FileMetadata(path, size, updated)

    def _io(self) -> Any:
        from apache_beam.io.aws.s3io import S3IO

        return S3IO(client=copy.copy(self._client))


def shared(system: S3FileSystem) -> S3Store:
    """The store that has the options of this file system; the same one as long as they are the same."""
    global _latest
    options = system._options
    if _latest is None or _latest[0] is not options:
        _latest = options, S3Store(options)
    return _latest[1]
