"""Where the sound of a file really ends, whatever its header says."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Source = Path | bytes
Content = mmap.mmap | bytearray

_PAGE, _PAGE_HEADER, _BEGINS_STREAM = b"OggS", 27, 2
_RIFF, _RF64, _FORM, _AU = b"RIFF", b"RF64", b"FORM", b".snd"
_UNKNOWN = 0xFFFFFFFF
_AU_SIZE = slice(8, 12)
_RATHER_PRINTABLE = range(0x20, 0x7F)


@contextmanager
def content_of(source: Source) -> Iterator[Content]:
    """The bytes of a source, which may be changed without changing the file."""
    if isinstance(source, bytes):
        yield bytearray(source)
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as content:
        yield content


def ogg_links(content: Content) -> list[bytes]:
    """The parts of a chained Ogg file (RFC 3533, section 4), each of which is an Ogg file of its own.

    A file that is not Ogg has none.
    """
    if content[:4] != _PAGE:
        return []
    begins = [0]
    at, opening = 0, True
    while at >= 0:
        header = content[at : at + _PAGE_HEADER]
        if len(header) < _PAGE_HEADER:
            break
        begin = bool(header[5] & _BEGINS_STREAM)
        if begin and not opening:
            begins.append(at)
        opening = begin
        sizes = content[at + _PAGE_HEADER : at + _PAGE_HEADER + header[26]]
        following = at + _PAGE_HEADER + len(sizes) + sum(sizes)
        # After damage the next page is looked for.
        is_page = content[following : following + 4] == _PAGE
        at = following if is_page else content.find(_PAGE, at + 4)
    return [bytes(content[a:b]) for a, b in zip(begins, [*begins[1:], len(content)], strict=True)]


def mend_size(content: Content) -> bool | None:
    """Lets the sound of a WAV, AIFF or AU file go on to the end of the file, where its header is wrong.

    A recorder that was cut off, or wrote into a pipe, left 0 or a guess. A size is right if other chunks, or
    nothing, come after the sound.

    Args:
      content: The file's bytes; the size in them is changed.

    Returns:
      Whether it had to be changed; None: this is no such file.
    """
    magic = bytes(content[:4])
    if magic == _AU:
        offset, size = (int.from_bytes(content[at : at + 4], "big") for at in (4, 8))
        if offset + size >= len(content):
            return False
        content[_AU_SIZE] = _UNKNOWN.to_bytes(4, "big")
        return True
    if magic not in (_RIFF, _RF64, _FORM):
        return None
    order, name = ("big", b"SSND") if magic == _FORM else ("little", b"data")
    place = next((at for at, found, _ in _chunks(content, 12, order) if found == name), None)
    if place is None:
        return None
    size, body = int.from_bytes(content[place + 4 : place + 8], order), place + 8  # type: ignore[arg-type]
    if magic == _RF64:
        size = int.from_bytes(content[28:36], "little")
    if size and _ends_well(content, body + size, order):
        return False
    rest = len(content) - body
    whole = rest.to_bytes(8, "little")
    if magic == _RF64:
        content[20:28], content[28:36], content[36:44] = (
            (len(content) - 8).to_bytes(8, "little"),
            whole,
            whole,
        )
    else:
        content[4:8] = min(len(content) - 8, _UNKNOWN).to_bytes(4, order)  # type: ignore[arg-type]
        content[place + 4 : place + 8] = min(rest, _UNKNOWN).to_bytes(4, order)  # type: ignore[arg-type]
    return True


def _chunks(content: Content, at: int, order: str) -> Iterator[tuple[int, bytes, int]]:
    """Place, name and size of the chunks from a place on."""
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], order)  # type: ignore[arg-type]
        yield at, bytes(content[at : at + 4]), size
        at += 8 + size + size % 2


def _ends_well(content: Content, end: int, order: str) -> bool:
    """Whether what comes after a chunk is the file's end, or chunks up to it."""
    for at in (end, end + end % 2):
        if at + 8 > len(content):
            return True
        if all(
            set(name) <= set(_RATHER_PRINTABLE) and place + size + 8 <= len(content)
            for place, name, size in _chunks(content, at, order)
        ):
            return True
    return False


def as_file(content: Content) -> io.BytesIO | mmap.mmap:
    """The content as a file that is read from its beginning."""
    if isinstance(content, bytearray):
        return io.BytesIO(content)
    content.seek(0)
    return content
