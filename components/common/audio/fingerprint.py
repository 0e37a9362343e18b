"""A cheap fingerprint of files, so that changed data is not served from the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from components.common.audio.places import FoundFile, file_status, list_files

_DIGITS = 16


def fingerprint(paths: Iterable[str | Path]) -> str:
    """Digest of the names, sizes and modification times of files and folders; contents are not read.

    A folder stands for every file below it; hidden ones are left out. A path that does not exist is
    part of the fingerprint too, so that its appearance changes it. URLs are asked of Beam's file systems.

    Returns:
      32 hexadecimal digits.

    Raises:
      PlaceError: If a URL's file system cannot be asked.
    """
    digest = hashlib.blake2b(digest_size=_DIGITS)
    for place in sorted({str(path) for path in paths}):
        digest.update(f"{place}\n".encode(errors="surrogateescape"))
        digest.update(_of_place(place))
    return digest.hexdigest()


def _of_place(place: str) -> bytes:
    own = file_status(place)
    return _sum([own]) if own else _sum(list_files(place, status=True))


def _sum(files: Iterable[FoundFile]) -> bytes:
    """Digest of files in whichever order they come."""
    total = 0
    for file in files:
        said = f"{file.path}\0{file.size}\0{file.modified!r}".encode(errors="surrogateescape")
        total += int.from_bytes(hashlib.blake2b(said, digest_size=_DIGITS).digest(), "big")
    return (total % (1 << 8 * _DIGITS)).to_bytes(_DIGITS, "big")
