"""AudioSet's segments (https://research.google.com/audioset/download.html), in either of their two forms.

The CSVs have three header lines that begin with ``#``, then rows such as
``--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"``. The strong set is known by its header:
:mod:`components.audio_ingest.strong_segments`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from components.common.audio.places import PlaceError, open_binary
from components.common.audio.pointers import pointer

YTID = re.compile(r"[A-Za-z0-9_-]+")
MID = re.compile(r"/[a-z]/[a-z0-9_]+")
_FIELDS = 4
_USUAL_ID = 11

# What spreadsheets leave of an id: an error in any language (#NAME?, #REF!, #DIV/0!, #N/A), a formula, a
# number in scientific form; a date; a number or a truth value where ids are longer.
_RUINED = re.compile(r"#[A-ZÀ-Þ0-9/_]+[!?]?|=.*|[+-]?\d+(?:[.,]\d*)?E[+-]\d+|[+-]?\d+[.,]\d+", re.IGNORECASE)
_MONTH = "(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])"
_DATE = re.compile(
    rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}(?: .*)?|\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?|{_MONTH}-\d{{2,4}}",
    re.IGNORECASE,
)
_WORD = re.compile(r"[+-]?\d+|TRUE|FALSE", re.IGNORECASE)


class SegmentsError(ValueError):
    """A segments file that does not follow AudioSet's form; the message has file and line."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One row: a stretch of a video and its labels.

    Attributes:
      ytid: YouTube id; may begin with ``-``.
      start_s: Start in the video, in seconds.
      end_s: End in the video, in seconds.
      labels: Mids.
      source: ``file:line`` of the row.
    """

    ytid: str
    start_s: float
    end_s: float
    labels: tuple[str, ...]
    source: str

    @property
    def clip_id(self) -> str:
        """``<ytid>_<start ms>_<end ms>``."""
        return f"{self.ytid}_{self.start_ms}_{self.end_ms}"

    @property
    def start_ms(self) -> int:
        """Start in milliseconds."""
        return round(self.start_s * 1000)

    @property
    def end_ms(self) -> int:
        """End in milliseconds."""
        return round(self.end_s * 1000)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def read_segments(path: str | Path) -> Iterator[Segment]:
    """Reads the rows of a segments file one after the other.

    Args:
      path: Path or URL of a CSV, or of a TSV of the strong set.

    Raises:
      SegmentsError: With file, line and what is accepted, at the first malformed row, or if there is none.
      PlaceError: If it cannot be read.
    """
    from components.audio_ingest.strong_segments import is_strong, read_strong_segments

    path = str(path)
    name = path.rpartition("/")[2]
    none = True
    with open_binary(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as file:
        try:
            first = file.readline()
            stands_for = pointer(first.encode())
            if stands_for:
                raise SegmentsError(f"{path}: {stands_for}")
            rows = read_strong_segments if is_strong(first) else _rows
            for segment in rows(first, file, name, path):
                none = False
                yield segment
        except UnicodeDecodeError as error:
            raise SegmentsError(f"{path}: not UTF-8 text: {error}") from error
        except OSError as error:
            raise PlaceError(f"{path} cannot be read: {error}") from error
    if none:
        raise SegmentsError(
            f'{path}: no row; accepted are rows like: --PJHxphWEs, 30.000, 40.000, "/m/09x0r"'
        )


def _rows(first: str, file: TextIO, name: str, path: str) -> Iterator[Segment]:
    # The same few thousand sets of labels come again and again: each is checked and held once.
    known: dict[str, tuple[str, ...]] = {}
    lines = _Lines(first, file)
    usual, begun = False, False
    try:
        for row in csv.reader(lines, skipinitialspace=True, strict=True):
            if not row or (row[0].startswith("#") and not begun and not _RUINED.fullmatch(row[0].strip())):
                continue
            begun = True
            place = f"{path}:{lines.number}"
            if len(row) != _FIELDS:
                raise SegmentsError(_other_fields(row, lines.last, place))
            check_id(row[0].strip(), place, usual)
            segment = _segment(row, f"{name}:{lines.number}", place, known)
            usual = usual or len(segment.ytid) == _USUAL_ID
            yield segment
    except csv.Error as error:
        raise SegmentsError(f"{path}:{lines.number}: not a CSV row: {error}") from error


class _Lines:
    """The lines of a file, counted."""

    def __init__(self, first: str, file: TextIO) -> None:
        self._first, self._file = first, file
        self.number, self.last = 0, ""

    def __iter__(self) -> Iterator[str]:
        for line in chain([self._first], self._file):
            self.number, self.last = self.number + 1, line
            yield line


def _other_fields(row: list[str], line: str, place: str) -> str:
    needed = "(YTID, start_seconds, end_seconds, positive_labels in one pair of quotes)"
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(row) < _FIELDS <= len(line.split(separator)):
            return f"{place}: {called} separate the fields, commas are needed {needed}"
    return f"{place}: {len(row)} fields, {_FIELDS} are needed {needed}"


def _segment(row: list[str], source: str, place: str, known: dict[str, tuple[str, ...]]) -> Segment:
    ytid, start, end, labels = (field.strip() for field in row)
    start_s, end_s = seconds(start, "start", place), seconds(end, "end", place)
    if end_s <= start_s:
        raise SegmentsError(
            f"{place}: the segment ends at {end} s, which is not after its start at {start} s"
        )
    mids = known.get(labels)
    if mids is None:
        mids = known[labels] = tuple(mid.strip() for mid in labels.split(","))
        for mid in mids:
            check_mid(mid, place)
    return Segment(ytid, start_s, end_s, mids, source)


def check_id(ytid: str, place: str, usual: bool = False) -> None:
    """Refuses what is no YouTube id.

    Args:
      ytid: The id.
      place: File and line, for the message.
      usual: Whether ids have eleven characters here, so that a number or a date of another length is none.

    Raises:
      SegmentsError: If it is none; of what a spreadsheet leaves of an id it says so.
    """
    ruined = _RUINED.fullmatch(ytid) or (_DATE.fullmatch(ytid) and len(ytid) != _USUAL_ID)
    if ruined or (usual and len(ytid) != _USUAL_ID and _WORD.fullmatch(ytid)):
        raise SegmentsError(
            f"{place}: {ytid!r} is what a spreadsheet makes of an id; accepted are YouTube ids, as in the "
            "file that AudioSet publishes: take that one, which no spreadsheet has saved"
        )
    if not YTID.fullmatch(ytid):
        raise SegmentsError(f"{place}: {ytid!r} is no YouTube id; accepted are letters, digits, '-' and '_'")


def check_mid(mid: str, place: str) -> None:
    """Raises: SegmentsError: if it is no mid."""
    if not MID.fullmatch(mid):
        raise SegmentsError(f"{place}: {mid!r} is no label; accepted are mids such as /m/09x0r")


def seconds(text: str, what: str, place: str) -> float:
    """A time from 0 on.

    Raises:
      SegmentsError: With the place, if it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SegmentsError(f"{place}: the {what} {text!r} is not a time; accepted are seconds from 0 on")
    return value
