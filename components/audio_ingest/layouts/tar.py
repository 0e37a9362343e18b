"""Tar shards, which are read as streams: nothing is ever unpacked to disk."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from components.audio_ingest.layouts.base import (
    MOST_BYTES,
    ContainerLayout,
    Entry,
    LayoutError,
    Strays,
    allowance,
)
from components.audio_ingest.layouts.files import parse_any
from components.common.audio.decode import AUDIO_EXTENSIONS
from components.common.audio.errors import AudioError, Reason
from components.common.audio.places import FoundFile, PlaceError, file_status, open_binary, read_bytes
from components.common.audio.pointers import HEAD_BYTES, pointer

TAR_EXTENSIONS = frozenset({".tar", ".tgz", ".tar.gz"})

# What those who pack AudioSet call the video in the JSON beside the sound.
ID_FIELDS = ("video_id", "ytid", "youtube_id", "id")
_JSON = ".json"
_MOST_JSON_BYTES = 1 << 20
_LOOKED_AT = 64
# A long name or its attributes; what has to be gone over after damage until there is another member.
_MOST_HEADER_BYTES, _MOST_WITHOUT_MEMBER = 1 << 20, 32 << 20


class Tar(ContainerLayout):
    """Tar files of clips, called as in any of the layouts of files."""

    name = "tar"
    form = "*.tar holding <id>.<ext>"
    extensions = TAR_EXTENSIONS

    def check(self, path: str) -> str:
        """See :meth:`ContainerLayout.check`."""
        names = _first_names(path)
        sounds = [name for name in names if _extension(name) in AUDIO_EXTENSIONS]
        if not sounds or _sidecars(names):
            return ""
        return sounds[0]

    def entries(self, container: FoundFile, strays: Strays) -> Iterator[Entry]:
        """See :meth:`ContainerLayout.entries`."""
        with _opened(container.path) as file:
            for member in _members(file, container.path, strays):
                entry = _entry(member, container.path, strays)
                if entry is not None:
                    yield entry

    def read(self, path: str, places: Sequence[tuple[int, int]]) -> Iterator[bytes | AudioError]:
        """See :meth:`ContainerLayout.read`."""
        fault = ""
        with _opened(path) as file:
            for position, size in places:
                if fault:
                    yield AudioError(Reason.UNDECODABLE, fault)
                    continue
                if size > MOST_BYTES:
                    yield AudioError(Reason.UNDECODABLE, f"{size} bytes, at most {MOST_BYTES} are held")
                    continue
                try:
                    file.seek(position)
                    data = file.read(size)
                except (OSError, EOFError, ValueError) as error:
                    # A damaged compressed stream gives nothing more; a plain one might.
                    fault = f"{path}: {error}" if path.lower().endswith((".gz", ".tgz")) else ""
                    yield AudioError(Reason.UNDECODABLE, f"{path}: {error}")
                    continue
                if len(data) < size:
                    detail = f"{path} ends after {len(data)} of the clip's {size} bytes"
                    yield AudioError(Reason.UNDECODABLE, detail)
                else:
                    yield data


class WebDataset(Tar):
    """Tar files in which ``<key>.json`` beside ``<key>.<ext>`` says more about it."""

    name = "webdataset"
    form = "*.tar holding <key>.<ext> and <key>.json, where the key or the JSON's " + ", ".join(ID_FIELDS)
    form += " is the id"

    def check(self, path: str) -> str:
        """See :meth:`ContainerLayout.check`."""
        return next(iter(_sidecars(_first_names(path))), "")

    def entries(self, container: FoundFile, strays: Strays) -> Iterator[Entry]:
        """See :meth:`ContainerLayout.entries`."""
        path = container.path
        with _opened(path) as file:
            sounds: list[tarfile.TarInfo] = []
            named = ""
            key = ""
            for member in _members(file, path, strays):
                if _key(member.name) != key:
                    yield from _sample(sounds, named, path, strays)
                    sounds, named, key = [], "", _key(member.name)
                if _extension(member.name) == _JSON:
                    named = _id_of(file, member, path, strays)
                elif _extension(member.name) in AUDIO_EXTENSIONS:
                    sounds.append(member)
            yield from _sample(sounds, named, path, strays)


def _sample(sounds: list[tarfile.TarInfo], named: str, path: str, strays: Strays) -> Iterator[Entry]:
    """The entry of the files of one key: of several sounds the first."""
    for member in sounds[:1]:
        entry = _entry(member, path, strays, named)
        if entry is not None:
            yield entry
    for member in sounds[1:]:
        strays.add("second sound of a key", f"{path}: {member.name}")


def _entry(member: tarfile.TarInfo, path: str, strays: Strays, named: str = "") -> Entry | None:
    if _extension(member.name) not in AUDIO_EXTENSIONS:
        strays.add("no sound by its name", f"{path}: {member.name}")
        return None
    parsed = parse_any(named or os.path.splitext(_base(member.name))[0])
    if parsed is None:
        strays.add("unknown name", f"{path}: {member.name}")
        return None
    plain = member.isreg() and not member.issparse() and member.size >= 0
    flaw = None if plain and not _climbs_out(member.name) else Reason.UNSAFE
    if flaw is not None:
        strays.add("unsafe member", f"{path}: {member.name}")
    return Entry(*parsed, member.name, member.offset_data, member.size, flaw)


class _Bounded:
    """A tar while it is read: a file that gives no more than it may.

    Args:
      file: The file, unpacked while it is read.
      path: For messages.
      most: Bytes that may come out of it; None: it is not compressed.
    """

    def __init__(self, file: BinaryIO, path: str, most: int | None) -> None:
        self._file, self._path, self._most = file, path, most
        self._since_member = 0

    def found_member(self) -> None:
        """Tells that what was read since the last time was worth it."""
        self._since_member = 0

    def read(self, size: int) -> bytes:
        """Reads so many bytes."""
        if size > MOST_BYTES:
            raise OSError(f"{size} bytes at once, at most {MOST_BYTES} are held")
        self._check(self._file.tell() + size)
        return self._file.read(size)

    def read_header(self, size: int) -> bytes:
        """Reads what tarfile reads: headers, and the long names and attributes that belong to them."""
        self._since_member += size
        if size > _MOST_HEADER_BYTES or self._since_member > _MOST_WITHOUT_MEMBER:
            raise OSError(f"no member in {self._since_member} bytes")
        return self.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a place from the beginning, or from where it is."""
        self._check(position if whence == os.SEEK_SET else self._file.tell() + position)
        return self._file.seek(position, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()

    def _check(self, position: int) -> None:
        if self._most is not None and position > self._most:
            raise OSError(f"{self._path} unpacks to more than {self._most} bytes, which no sounds do")


class _Headers:
    """What tarfile sees of it."""

    def __init__(self, file: _Bounded) -> None:
        self.read, self.seek, self.tell = file.read_header, file.seek, file.tell


class _Member(tarfile.TarInfo):
    """A member whose map of holes, which stands in its data and may have millions of lines, is not read."""

    def _proc_gnusparse_10(self, next: tarfile.TarInfo, pax_headers: object, archive: object) -> None:
        next.sparse = [(0, 0)]  # type: ignore[assignment]


@contextmanager
def _opened(path: str) -> Iterator[_Bounded]:
    """Raises: PlaceError: if it cannot be opened."""
    status = file_status(path) if path.lower().endswith((".gz", ".tgz")) else None
    with open_binary(path, unzip=True) as file:
        yield _Bounded(file, path, None if status is None else allowance(status.size))


def _members(file: _Bounded, path: str, strays: Strays) -> Iterator[tarfile.TarInfo]:
    """All members but folders and hidden files; damage between members is jumped over."""
    any_members = False
    with ExitStack() as opened:
        try:
            # ignore_zeros: go on at the next header after a damaged one, and with archives put end to end.
            headers = cast(IO[bytes], _Headers(file))
            archive = opened.enter_context(
                tarfile.open(fileobj=headers, mode="r:", ignore_zeros=True, tarinfo=_Member)
            )
        except (tarfile.TarError, OSError, EOFError) as error:
            strays.add("unreadable tar", f"{path}: {error}")
            return
        while True:
            try:
                member = archive.next()
            except (tarfile.TarError, OSError, EOFError, ValueError) as error:
                strays.add("tar cut short", f"{path}: {error}")
                return
            if member is None:
                if not any_members:
                    strays.add("no tar, or an empty one", path)
                return
            any_members = True
            file.found_member()
            vars(archive)["members"].clear()  # it keeps all of them otherwise
            if not member.isdir() and not _base(member.name).startswith("."):
                yield member


def _first_names(path: str) -> list[str]:
    """Names of the first few members.

    Raises:
      LayoutError: If it is not a tar.
    """
    names: list[str] = []
    strays = Strays()
    try:
        with _opened(path) as file:
            for member in _members(file, path, strays):
                names.append(member.name)
                if len(names) >= _LOOKED_AT:
                    break
    except (PlaceError, OSError) as error:
        raise LayoutError(f"{path} cannot be read: {error}") from error
    if not names:
        stands_for = pointer(read_bytes(path, HEAD_BYTES))
        if stands_for:
            raise LayoutError(f"{path} is {stands_for}")
    if strays.counts and not names:
        raise LayoutError(f"{path} cannot be used: {'; '.join(strays.counts)}")
    return names


def _sidecars(names: Sequence[str]) -> list[str]:
    """Sounds that have a JSON of the same key."""
    described = {_key(name) for name in names if _extension(name) == _JSON}
    return [name for name in names if _key(name) in described and _extension(name) in AUDIO_EXTENSIONS]


def _key(name: str) -> str:
    """What WebDataset takes for the key: the path up to the first dot of the file's name."""
    folder, _, base = name.rpartition("/")
    return f"{folder}/{base.partition('.')[0]}"


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _climbs_out(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def _id_of(file: _Bounded, member: tarfile.TarInfo, path: str, strays: Strays) -> str:
    """The video that a JSON names; "" if it names none."""
    if not member.isreg() or member.size > _MOST_JSON_BYTES:
        strays.add("unreadable JSON", f"{path}: {member.name}")
        return ""
    try:
        file.seek(member.offset_data)
        described = json.loads(file.read(member.size))
    except (OSError, EOFError, ValueError, RecursionError) as error:
        strays.add("unreadable JSON", f"{path}: {member.name}: {error}")
        return ""
    if not isinstance(described, dict):
        return ""
    named = (described.get(field) for field in ID_FIELDS)
    return next((name for name in named if isinstance(name, str) and name), "")


LAYOUTS: tuple[ContainerLayout, ...] = (WebDataset(), Tar())
