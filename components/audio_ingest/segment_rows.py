"""A row of AudioSet's segments, and what its fields may hold, in whichever form it stands."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

YTID = re.compile(r"[A-Za-z0-9_-]+")
USUAL_ID = 11

# What spreadsheets leave of an id: an error in any language (#NAME?, #REF!, #DIV/0!, #N/A), a formula, a
# number in scientific form; a date; a number or a truth value where ids are longer.
RUINED = re.compile(r"#[A-ZÀ-Þ0-9/_]+[!?]?|=.*|[+-]?\d+(?:[.,]\d*)?E[+-]\d+|[+-]?\d+[.,]\d+", re.IGNORECASE)
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


def check_id(ytid: str, place: str, usual: bool = False) -> None:
    """Refuses what is not a YouTube id.

    Args:
      ytid: The id.
      place: File and line, for the message.
      usual: Whether ids have eleven characters here, so that a number or a date of another length is none.

    Raises:
      SegmentsError: If it is none; of what a spreadsheet leaves of an id it says so.
    """
    ruined = RUINED.fullmatch(ytid) or (_DATE.fullmatch(ytid) and len(ytid) != USUAL_ID)
    if ruined or (usual and len(ytid) != USUAL_ID and _WORD.fullmatch(ytid)):
        raise SegmentsError(
            f"{place}: {ytid!r} is what a spreadsheet makes of an id; accepted: YouTube ids, as in the "
            "file that AudioSet publishes: take that one, which no spreadsheet has saved"
        )
    if not YTID.fullmatch(ytid):
        raise SegmentsError(f"{place}: {ytid!r} is not a YouTube id; accepted: letters, digits, '-' and '_'")


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
        raise SegmentsError(f"{place}: the {what} {text!r} is not a time; accepted: seconds from 0 on")
    return value
