"""AudioSet's segments (https://research.google.com/audioset/download.html), in either of their two forms.

The CSVs have three header lines that begin with ``#``, then rows such as
``--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"``. The strong set is known by its header:
:mod:`components.audio_ingest.strong_segments`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from components.audio_ingest.row_labels import MIDS_ONLY, LabelError, RowLabels
from components.audio_ingest.segment_rows import (
    RUINED,
    USUAL_ID,
    Segment,
    SegmentsError,
    check_id,
    seconds,
)
from components.audio_ingest.strong_segments import is_strong, read_strong_segments
from components.common.audio.places import PlaceError, open_binary
from components.common.audio.pointers import pointer

_FIELDS = 4


def read_segments(path: str | Path, row_labels: RowLabels = MIDS_ONLY) -> Iterator[Segment]:
    """Reads the rows of a segments file one after the other.

    Args:
      path: Path or URL of a CSV, or of a TSV of the strong set.
      row_labels: Knows the mids of labels that are given by name.

    Raises:
      SegmentsError: With file, line and what is accepted, at the first malformed row, or if there is none.
      PlaceError: If it cannot be read.
    """
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
            for segment in rows(first, file, name, path, row_labels):
                none = False
                yield segment
        except UnicodeDecodeError as error:
            raise SegmentsError(f"{path}: not UTF-8 text: {error}") from error
        except OSError as error:
            raise PlaceError(f"{path} cannot be read: {error}") from error
    if none:
        raise SegmentsError(f'{path}: no row; accepted: rows like: --PJHxphWEs, 30.000, 40.000, "/m/09x0r"')


def _rows(first: str, file: TextIO, name: str, path: str, row_labels: RowLabels) -> Iterator[Segment]:
    # The same few thousand sets of labels come again and again: each is checked and held once.
    known: dict[str, tuple[str, ...]] = {}
    lines = _Lines(first, file)
    usual, begun = False, False
    try:
        for row in csv.reader(lines, skipinitialspace=True, strict=True):
            if not row or (row[0].startswith("#") and not begun and not RUINED.fullmatch(row[0].strip())):
                continue
            begun = True
            place = f"{path}:{lines.number}"
            if len(row) != _FIELDS:
                raise SegmentsError(_other_fields(row, lines.last, place))
            check_id(row[0].strip(), place, usual)
            segment = _segment(row, f"{name}:{lines.number}", place, known, row_labels)
            usual = usual or len(segment.ytid) == USUAL_ID
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


def _segment(
    row: list[str], source: str, place: str, known: dict[str, tuple[str, ...]], row_labels: RowLabels
) -> Segment:
    ytid, start, end, labels = (field.strip() for field in row)
    start_s, end_s = seconds(start, "start", place), seconds(end, "end", place)
    if end_s <= start_s:
        raise SegmentsError(
            f"{place}: the segment ends at {end} s, which is not after its start at {start} s"
        )
    mids = known.get(labels)
    if mids is None:
        try:
            mids = known[labels] = row_labels.all(labels)
        except LabelError as error:
            raise SegmentsError(f"{place}: {error}") from error
    return Segment(ytid, start_s, end_s, mids, source)
