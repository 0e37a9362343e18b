"""A disk that became full in the middle of a run: which one, how much room there is, and what to do."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.local.layout import RunLayout

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# As libraries say it that do not hand the error's number on: C's own words, and SQLite's.
_WORDS = ("no space left on device", "disk quota exceeded", "database or disk is full")
_MIB = 2**20


def full_disk(error: BaseException, output: Path | None) -> str:
    """What happened and what to do, if an error comes from a full disk; empty if it does not.

    Args:
      error: As caught; what it was raised from counts too.
      output: The run's folder; None: there is none.
    """
    if not any(_says_full(one) for one in _chain(error)):
        return ""
    filename = next((one.filename for one in _chain(error) if isinstance(one, OSError) and one.filename), "")
    places = [Path(str(filename)), output, Path(tempfile.gettempdir())]
    free = {folder: shutil.disk_usage(folder).free for place in places if place and (folder := _there(place))}
    # A partial that was removed meanwhile has made room again: the fullest is the one.
    folder = _there(Path(str(filename))) if filename else min(free, key=lambda one: free[one], default=None)
    if folder is None:
        return "the disk is full; run the same command again when there is room"
    left = f"{free[folder] / _MIB:,.0f} MiB are free there now"
    return (
        f"the disk that holds {output or folder} is full: there was no room for more under {folder} "
        f"({left}). Make room ('validate' estimates how much a run takes in all{_scratch(output)}); "
        "then run the same command again: it continues from here"
    )


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    said = str(error).lower()
    return any(words in said for words in _WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from, or while."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            queue += [one.__cause__, one.__context__]
            yield one


def _there(path: Path) -> Path | None:
    """The nearest folder of a path that is there; None for no path."""
    if path == Path():
        return None
    path = path.absolute()
    return next((one for one in (path, *path.parents) if one.is_dir()), None)


def _scratch(output: Path | None) -> str:
    """Where room is to be had at once: what was computed for earlier configurations."""
    scratch = RunLayout(output).scratch if output else None
    if scratch is None or not scratch.is_dir():
        return ""
    size = sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
    return f", and {scratch} ({size / _MIB:,.0f} MiB) may be deleted" if size > _MIB else ""
