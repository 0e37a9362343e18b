"""What a training says of itself while it goes on, to whoever listens to its log."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.settings import Report
from schemas.training_reports import EpochMetrics

EventKind = Literal["began", "epoch", "ended"]


class TrainingEvent(Report):
    """Travels as the attribute :attr:`ATTRIBUTE` of a log record of the trainer.

    The trainer knows nothing of who listens: code that tracks a run may change without any student being
    trained again.
    """

    ATTRIBUTE: ClassVar[str] = "training_event"

    kind: EventKind
    candidate_id: str
    parameters: dict[str, str] = Field(default_factory=dict, description="Of the student, when it begins.")
    epochs: int = Field(0, description="Epochs planned at most.")
    epoch: EpochMetrics | None = Field(None, description="Of the epoch that ended.")
    second: float = Field(0.0, description="Seconds of training up to here, interruptions left out.")
    failure: str = Field("", description="Why it ended without a student.")
