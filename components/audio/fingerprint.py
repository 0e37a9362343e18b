"""A cheap fingerprint of files, so that changed data is not served from the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path


def fingerprint(paths: Iterable[str | Path]) -> str:
    """Digest of the names, sizes and modification times of files and folders; contents are not read.

    A folder stands for every file below it; hidden ones are left out. A path that does not exist is
    part of the fingerprint too, so that its appearance changes it.

    Returns:
      32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted({Path(path) for path in paths}):
        digest.update(f"{path}\n".encode())
        files = walk_files(path) if path.is_dir() else [path] if path.is_file() else []
        for file in files:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def walk_files(folder: str | Path, extensions: Collection[str] = ()) -> list[Path]:
    """Files below a folder in the order of their paths, without hidden ones.

    Args:
      folder: Where to look; links to folders are followed.
      extensions: Lower-case suffixes with the dot to keep; empty keeps all.
    """
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if not extensions or os.path.splitext(name)[1].lower() in extensions:
                found.append(os.path.join(parent, name))
    return [Path(path) for path in sorted(found)]
