"""AudioSet's segments CSV (https://research.google.com/audioset/download.html).

Three header lines that begin with ``#``, then rows such as
``--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"``.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

_YTID = re.compile(r"[A-Za-z0-9_-]+")
_MID = re.compile(r"/[a-z]/[a-z0-9_]+")
_FIELDS = 4


class SegmentsError(ValueError):
    """A segments CSV that does not follow AudioSet's form; the message has file and line."""


@dataclass(frozen=True)
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


def read_segments(path: str | Path) -> list[Segment]:
    """Reads all rows of a segments CSV.

    Raises:
      SegmentsError: With file, line and what is accepted, at the first malformed row, or if there is none.
    """
    path = Path(path)
    segments = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for row in reader:
                if row and not row[0].startswith("#"):
                    segments.append(_segment(row, f"{path.name}:{reader.line_num}", path))
    except csv.Error as error:
        raise SegmentsError(f"{path}:{reader.line_num}: not a CSV row: {error}") from error
    except UnicodeDecodeError as error:
        raise SegmentsError(f"{path}: not UTF-8 text: {error}") from error
    if not segments:
        raise SegmentsError(
            f'{path}: no row; accepted are rows like: --PJHxphWEs, 30.000, 40.000, "/m/09x0r"'
        )
    return segments


def _segment(row: list[str], source: str, path: Path) -> Segment:
    place = f"{path.parent / source}"
    if len(row) != _FIELDS:
        raise SegmentsError(
            f"{place}: {len(row)} fields, {_FIELDS} are needed "
            "(YTID, start_seconds, end_seconds, positive_labels in one pair of quotes)"
        )
    ytid, start, end, labels = (field.strip() for field in row)
    if not _YTID.fullmatch(ytid):
        raise SegmentsError(f"{place}: {ytid!r} is no YouTube id; accepted are letters, digits, '-' and '_'")
    start_s, end_s = _seconds(start, "start", place), _seconds(end, "end", place)
    if end_s <= start_s:
        raise SegmentsError(
            f"{place}: the segment ends at {end} s, which is not after its start at {start} s"
        )
    mids = tuple(mid.strip() for mid in labels.split(","))
    for mid in mids:
        if not _MID.fullmatch(mid):
            raise SegmentsError(f"{place}: {mid!r} is no label; accepted are mids such as /m/09x0r")
    return Segment(ytid, start_s, end_s, mids, source)


def _seconds(text: str, what: str, place: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise SegmentsError(f"{place}: the {what} {text!r} is not a time; accepted are seconds from 0 on")
    return seconds
