"""AudioSet's strong set (https://research.google.com/audioset/download_strong.html).

Tab-separated, a row for each event: ``<ytid>_<start ms>``, where the event begins and ends within the
ten-second segment, and its label. What is taken in is the segment, with the labels of all its events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

from components.audio_ingest.row_labels import LabelError, RowLabels
from components.audio_ingest.segment_rows import YTID, Segment, SegmentsError, check_id, seconds

HEADER = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
SEGMENT_S = 10.0

_SEGMENT_ID = re.compile(r"(?P<ytid>.+)_(?P<start>\d+)")


def is_strong(first: str) -> bool:
    """Whether a first line is the strong set's header."""
    return tuple(field.strip() for field in first.split("\t")) == HEADER


def read_strong_segments(
    first: str, file: TextIO, name: str, path: str, row_labels: RowLabels
) -> Iterator[Segment]:
    """Reads the segments in the order in which their first events stand there.

    Args:
      first: The header.
      file: What comes after it.
      name: Of the file, for ``source``.
      path: Of the file, for messages.
      row_labels: Knows the mids of labels that are given by name.

    Raises:
      SegmentsError: With file, line and what is accepted, at the first malformed row.
    """
    # Events of a segment need not stand together; the strong set has a hundred thousand segments.
    lines: dict[str, int] = {}
    labels: dict[str, dict[str, None]] = {}
    for line, text in enumerate(file, start=2):
        if not text.strip():
            continue
        segment, mid = _event(text.rstrip("\r\n").split("\t"), f"{path}:{line}", row_labels)
        lines.setdefault(segment, line)
        labels.setdefault(segment, {})[mid] = None
    for segment, line in lines.items():
        found = _SEGMENT_ID.fullmatch(segment)
        assert found is not None  # as _event saw to it
        start_s = int(found["start"]) / 1000
        yield Segment(found["ytid"], start_s, start_s + SEGMENT_S, tuple(labels[segment]), f"{name}:{line}")


def _event(fields: list[str], place: str, row_labels: RowLabels) -> tuple[str, str]:
    if len(fields) != len(HEADER):
        raise SegmentsError(
            f"{place}: {len(fields)} fields, {len(HEADER)} are needed ({', '.join(HEADER)}, between tabs)"
        )
    segment, start, end, label = (field.strip() for field in fields)
    found = _SEGMENT_ID.fullmatch(segment)
    if found is None or not YTID.fullmatch(found["ytid"]):
        if segment.startswith("#"):
            check_id(segment, place)
        raise SegmentsError(f"{place}: {segment!r} is not a segment; accepted: <YouTube id>_<start in ms>")
    if seconds(end, "end", place) < seconds(start, "start", place):
        raise SegmentsError(f"{place}: the event ends at {end} s, before its start at {start} s")
    try:
        return segment, row_labels.one(label)
    except LabelError as error:
        raise SegmentsError(f"{place}: {error}") from error
