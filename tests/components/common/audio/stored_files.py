"""A file system behind a URL, as Beam's users register one: what is stored is held in memory."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from apache_beam.io.filesystem import BeamIOError, CompressedFile, CompressionTypes, FileMetadata, FileSystem

SCHEME = "stored"
MODIFIED = 1_700_000_000.0


class StoredFiles(FileSystem):
    """``stored://bucket/name``; knows no folders, as S3 and GCS know none."""

    files: ClassVar[dict[str, bytes]] = {}
    opened: ClassVar[list[str]] = []
    broken: ClassVar[set[str]] = set()

    @classmethod
    def store(cls, folder: Path, url: str) -> str:
        """Stores all files below a folder and forgets all others; gives back the URL."""
        cls.files.clear()
        cls.opened.clear()
        cls.broken.clear()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                cls.files[f"{url}/{path.relative_to(folder)}"] = path.read_bytes()
        return url

    @classmethod
    def scheme(cls) -> str:
        return SCHEME

    def join(self, basepath: str, *paths: str) -> str:
        return posixpath.join(basepath, *paths)

    def split(self, path: str) -> tuple[str, str]:
        return posixpath.split(path)

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path in self.files:
            if path.startswith(dir_or_prefix):
                yield self.metadata(path)

    def open(
        self,
        path: str,
        mime_type: str = "application/octet-stream",
        compression_type: str = CompressionTypes.AUTO,
    ) -> Any:
        if path not in self.files or path in self.broken:
            raise BeamIOError("Open failed", {path: OSError("no such object")})
        self.opened.append(path)
        file = io.BytesIO(self.files[path])
        zipped = compression_type != CompressionTypes.UNCOMPRESSED
        return CompressedFile(file, compression_type=compression_type) if zipped else file

    def exists(self, path: str) -> bool:
        return path in self.files

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(self.files[path]), MODIFIED)

    def size(self, path: str) -> int:
        return len(self.files[path])

    def last_updated(self, path: str) -> float:
        return MODIFIED

    def checksum(self, path: str) -> str:
        return str(hash(self.files[path]))

    def _unsupported(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("what is stored is only read")

    create = mkdirs = copy = rename = delete = _unsupported
