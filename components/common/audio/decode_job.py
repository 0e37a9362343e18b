"""What a decoding process is asked and answers: frames of a JSON head and bytes."""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.common.audio.decode import SILENCE_PEAK, DecodedAudio, decode, decode_bytes
from components.common.audio.errors import AudioError, Note, Reason, Remark

# Bytes of the head, bytes of what follows it.
PREFIX = struct.Struct("<IQ")

Frame = tuple[memoryview, memoryview]
Body = bytes | np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class DecodeJob:
    """A clip to decode: a file, or the bytes of one.

    Attributes:
      name: Path of the file or, with ``data``, its name.
      data: The file's bytes; None: it is read from ``name``.
      start_seconds: Where the clip begins.
      max_seconds: What comes after, counted from the start, is cut off.
      min_seconds: Shorter clips are refused.
      silence_peak: Clips that never leave this share of full scale are refused.
    """

    name: str
    data: bytes | None = None
    start_seconds: float = 0.0
    max_seconds: float = math.inf
    min_seconds: float = 0.0
    silence_peak: float = SILENCE_PEAK

    def run(self) -> DecodedAudio:
        """Decodes in this process.

        Raises:
          AudioError: With the reason, if the clip cannot be used.
        """
        limits = {
            "start_seconds": self.start_seconds,
            "max_seconds": self.max_seconds,
            "min_seconds": self.min_seconds,
            "silence_peak": self.silence_peak,
        }
        if self.data is None:
            return decode(self.name, **limits)
        return decode_bytes(self.data, self.name, **limits)

    def to_frame(self, timeout_s: float) -> Frame:
        """The frame that asks for it, in parts.

        Args:
          timeout_s: How long decoding may take.
        """
        head = {
            "name": self.name,
            "limits": [self.start_seconds, self.max_seconds, self.min_seconds, self.silence_peak],
            "timeout_s": timeout_s,
            "in_memory": self.data is not None,
        }
        return frame(head, self.data or b"")

    @classmethod
    def from_frame(cls, head: dict[str, Any], data: bytes) -> DecodeJob:
        """Reads what :meth:`to_frame` made."""
        return cls(head["name"], data if head["in_memory"] else None, *head["limits"])


def frame(head: dict[str, Any], body: Body) -> Frame:
    """A frame in two parts, so that the body is not copied."""
    text = json.dumps(head).encode()
    view = memoryview(body if isinstance(body, bytes) else body.data).cast("B")
    return memoryview(PREFIX.pack(len(text), len(view)) + text), view


def answer(outcome: DecodedAudio | AudioError) -> Frame:
    """The frame that tells the outcome of a job."""
    if isinstance(outcome, AudioError):
        return frame({"reason": str(outcome.reason), "detail": outcome.detail}, b"")
    remarks = [[str(remark.note), remark.detail] for remark in outcome.remarks]
    head = {"rate": outcome.source_rate, "channels": outcome.source_channels, "remarks": remarks}
    return frame(head, np.ascontiguousarray(outcome.samples, "<i2"))


def outcome_of(head: dict[str, Any], body: bytearray) -> DecodedAudio | AudioError:
    """Reads what :func:`answer` made."""
    if "reason" in head:
        return AudioError(Reason(head["reason"]), head["detail"])
    remarks = tuple(Remark(Note(note), detail) for note, detail in head["remarks"])
    return DecodedAudio(np.frombuffer(body, "<i2"), head["rate"], head["channels"], remarks)


def write_all(file: int, parts: Frame) -> None:
    """Writes to a descriptor that blocks."""
    for part in parts:
        while len(part):
            part = part[os.write(file, part) :]
