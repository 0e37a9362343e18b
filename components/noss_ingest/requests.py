"""A clip of a task that is to be decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from components.common.audio.requests import ClipRequest
from components.noss_ingest.rows import TfdsClip


@dataclass(frozen=True)
class NossRequest(ClipRequest):
    """A clip of a task with what is known of it."""

    task: str
    split: str
    label: str
    speaker_id: str
    fold: str
    sex: str
    age: str
    tfds: TfdsClip | None
    seconds: float | None = field(default=None, kw_only=True)

    @property
    def expected_seconds(self) -> float:
        """Length of the part that the row asks for, in seconds; 0: it asks for the whole file."""
        return 0.0 if self.seconds is None else self.max_seconds
