"""Files here or behind a URL (``gs://``, ``s3://``, …), listed and read alike through Beam's file systems."""

from __future__ import annotations

import gzip
import os
import re
import socket
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import urlsplit

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_S3, _GCS = "s3://", "gs://"
_KNOCK_SECONDS = 5.0
_GZIPPED = (".gz", ".tgz")
_BYTES = "\0"  # no name of a file holds it


class PlaceError(ValueError):
    """A place that cannot be reached; the message has the place and what the file system said."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class FoundFile(NamedTuple):
    """A file that was listed.

    Attributes:
      folder: The folder it lies in, as path or URL.
      name: Its name in the folder.
      size: Bytes; -1 if they were not asked for.
      modified: Seconds since 1970, 0 if not asked for or not known.
    """

    folder: str
    name: str
    size: int
    modified: float

    @property
    def path(self) -> str:
        """Path or URL of the file."""
        return f"{self.folder.rstrip('/')}/{self.name}"


def printable(text: str) -> str:
    r"""Text that can be written as UTF-8: bytes of a file's name that are none stand as ``\xe9``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def to_text(name: str) -> str:
    """A file's name as text that can be written as UTF-8, whatever its bytes; :func:`from_text` undoes it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return _BYTES + os.fsencode(name).decode("latin-1")
    return name


def from_text(text: str) -> str:
    """The name of which :func:`to_text` made this text."""
    return os.fsdecode(text[1:].encode("latin-1")) if text.startswith(_BYTES) else text


def is_url(place: str | Path) -> bool:
    """Whether the place is a URL rather than a path."""
    return bool(_URL.match(str(place)))


def join(root: str | Path, name: str) -> str:
    """The place ``name`` below ``root``; absolute names and URLs stand for themselves."""
    if is_url(name):
        return name
    if not is_url(root):
        return str(Path(root) / name)
    return name if name.startswith("/") else f"{str(root).rstrip('/')}/{name}".rstrip("/")


def use_beam_options(beam_args: Sequence[str]) -> None:
    """Lets this process reach URLs as Beam's workers do, with end points and keys from Beam's options.

    Raises:
      PlaceError: If there is no response from the S3 endpoint that the options name: Beam would ask
        for minutes.
    """
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions, S3Options

    options = PipelineOptions(list(beam_args))
    endpoint = options.view_as(S3Options).s3_endpoint_url
    if endpoint:
        _knock(endpoint)
    FileSystems.set_options(options)


def _knock(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_KNOCK_SECONDS).close()
    except OSError as error:
        raise PlaceError(
            f"no response from the S3 endpoint, --s3_endpoint_url={endpoint}: {error}; accepted: the "
            "address of a server that speaks S3"
        ) from error


def is_file(place: str) -> bool:
    """Whether there is a file.

    Raises:
      PlaceError: If its file system cannot be asked.
    """
    if not is_url(place):
        return Path(place).is_file()
    return bool(_ask(place, lambda system: system.exists(place)))


def file_status(place: str) -> FoundFile | None:
    """Size and time of a file; None: there is none, or it is a folder.

    Raises:
      PlaceError: If its file system cannot be asked.
    """
    folder, _, name = place.rpartition("/")
    if not is_url(place):
        try:
            status = os.stat(place)
        except OSError:
            return None
        is_directory = stat.S_ISDIR(status.st_mode)
        return None if is_directory else FoundFile(folder, name, status.st_size, status.st_mtime)
    if not name or not is_file(place):
        return None
    seen = _ask(place, lambda system: system.metadata(place))
    return FoundFile(folder, name, seen.size_in_bytes, seen.last_updated_in_seconds or 0.0)


def is_folder(place: str) -> bool:
    """Whether there is a folder; behind a URL that is one which holds a file.

    Raises:
      PlaceError: If its file system cannot be asked.
    """
    if not is_url(place):
        return Path(place).is_dir()
    return next(iter(list_files(place)), None) is not None


def open_binary(place: str, *, unzip: bool = False) -> BinaryIO:
    """Opens a file for reading; it can be sought in.

    Args:
      place: Path or URL.
      unzip: Whether a file whose name ends in ``.gz`` or ``.tgz`` is unpacked while it is read.

    Raises:
      PlaceError: If it cannot be opened.
    """
    zipped = unzip and place.lower().endswith(_GZIPPED)
    if not is_url(place):  # the command line looks at local files without loading Beam
        try:
            if not stat.S_ISREG(
                os.stat(place).st_mode
            ):  # opening a pipe would wait for whoever writes into it
                raise PlaceError(f"{place} cannot be opened: it is no file")
            return cast(BinaryIO, gzip.open(place)) if zipped else open(place, "rb")
        except OSError as error:
            raise PlaceError(f"{place} cannot be opened: {error}") from error
    from apache_beam.io.filesystem import CompressionTypes

    kind = CompressionTypes.GZIP if zipped else CompressionTypes.UNCOMPRESSED
    opened = _ask(place, lambda system: system.open(place, "application/octet-stream", kind))
    return cast(BinaryIO, opened)


def read_bytes(place: str, limit: int | None = None) -> bytes:
    """All bytes of a file, or the first ``limit``.

    Raises:
      PlaceError: If it cannot be read.
    """
    with open_binary(place) as file:
        try:
            return file.read() if limit is None else file.read(limit)
        except OSError as error:
            raise PlaceError(f"{place} cannot be read: {error}") from error


def read_text(place: str) -> str:
    """A file as UTF-8 text.

    Raises:
      PlaceError: If it cannot be read.
      UnicodeDecodeError: If it is no such text.
    """
    return read_bytes(place).decode("utf-8-sig")


def list_files(folder: str, extensions: Collection[str] = (), *, status: bool = False) -> Iterator[FoundFile]:
    """Files at any depth below a folder, one after the other, so that millions need no memory.

    Local ones come in the order of their names within each folder, and links to folders are followed.
    Hidden files and folders are left out, and so are folders that may not be read.

    Args:
      folder: Path or URL.
      extensions: Lower-case ends of names to keep, such as ``.tar.gz``; empty keeps all.
      status: Whether sizes and times are wanted; local files take a look at each for that.

    Raises:
      PlaceError: If the folder's file system cannot be asked.
    """
    found = _remote_files(folder) if is_url(folder) else _local_files(folder, status, set())
    ends = tuple(extensions) or ("",)
    for file in found:
        if file.name.lower().endswith(ends):
            yield file


def first_files(folder: str, most: int, per_folder: int) -> list[FoundFile]:
    """A few files below a folder, not all of them from one sub-folder.

    Args:
      folder: Path or URL.
      most: How many at most.
      per_folder: How many of one folder at most.

    Raises:
      PlaceError: If the folder's file system cannot be asked.
    """
    if is_url(folder):
        return list(islice(_remote_files(folder), most))
    found: list[FoundFile] = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        seen = sorted(islice((name for name in names if not name.startswith(".")), per_folder))
        found.extend(FoundFile(parent, name, -1, 0.0) for name in seen[: most - len(found)])
        if len(found) >= most:
            break
    return found


def _local_files(folder: str, status: bool, above: set[tuple[int, int]]) -> Iterator[FoundFile]:
    """Args: ``above``: the folders around this one, so that a link to one of them ends there."""
    try:
        own = os.stat(folder)
        with os.scandir(folder) as entries:
            names = sorted((entry.name, _is_folder(entry)) for entry in entries if entry.name[0] != ".")
    except OSError:
        return
    here = (own.st_dev, own.st_ino)
    if here in above:
        return
    for name, is_directory in names:
        path = os.path.join(folder, name)
        if is_directory:
            yield from _local_files(path, status, above | {here})
        elif not status:
            yield FoundFile(folder, name, -1, 0.0)
        else:
            try:
                seen = os.stat(path)
            except OSError:  # gone since, or a link to nothing
                yield FoundFile(folder, name, 0, 0.0)
            else:
                yield FoundFile(folder, name, seen.st_size, seen.st_mtime)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; its neighbours must not be lost with it
        return False


def _remote_files(folder: str) -> Iterator[FoundFile]:
    prefix = folder.rstrip("/") + "/"
    for found in _each(folder, prefix):
        below = found.path[len(prefix) :]
        if not below or below.endswith("/") or any(part.startswith(".") for part in below.split("/")):
            continue
        parent, _, name = found.path.rpartition("/")
        yield FoundFile(parent, name, found.size_in_bytes, found.last_updated_in_seconds or 0.0)


def _each(folder: str, prefix: str) -> Iterator[Any]:
    # `match` would make a list of all files first; what a file system implements is the generator.
    listing: Iterable[Any] = _ask(folder, lambda system: system._list(prefix))
    iterator = iter(listing)
    while True:
        try:
            yield next(iterator)
        except StopIteration:
            return
        except Exception as error:
            raise PlaceError(f"{folder} cannot be listed: {error}") from error


def _ask(place: str, question: Any) -> Any:
    """What a file system answers; its client libraries raise what they like, so all of it is caught."""
    from apache_beam.io.filesystems import FileSystems

    try:
        system = FileSystems.get_filesystem(place)
        if place.startswith(_S3):
            from components.common.audio import s3_store

            system = s3_store.shared(system)
        elif place.startswith(_GCS):
            from components.common.audio import gcs_store

            system = gcs_store.shared(system)
        return question(system)
    except Exception as error:
        raise PlaceError(f"{place} cannot be reached: {error}") from error
