"""Why a clip is left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The closed set of reasons for which a clip is quarantined.

    ``docs/audioset_scale.md`` says which damage comes under which reason.
    """

    MISSING = "missing"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    UNDECODABLE = "undecodable"
    NO_AUDIO = "no_audio"
    NON_FINITE = "non_finite"
    TOO_SHORT = "too_short"
    SILENT = "silent"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    DUPLICATE = "duplicate"
    UNSAFE = "unsafe"
    HELD_OUT = "held_out"
    POINTER = "pointer"


class Note(StrEnum):
    """What is worth knowing of a clip that is taken; ``docs/audioset_scale.md`` explains each."""

    SHORTER = "shorter_than_segment"
    OPPOSITE_CHANNELS = "opposite_channels"
    INTEGER_SCALE = "integer_scale"


@dataclass(frozen=True)
class Remark:
    """A note on a clip.

    Attributes:
      note: Which of the known notes.
      detail: The figures behind it.
    """

    note: Note
    detail: str


class AudioError(Exception):
    """A clip that cannot be used.

    Attributes:
      reason: Which of the known reasons.
      detail: What the decoder or the check said, with the value that was wrong.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
