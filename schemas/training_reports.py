"""How a training went, of a teacher or of a student."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from schemas.settings import Report


class EpochMetrics(Report):
    """One epoch of a training."""

    epoch: int = Field(description="Counted from 1.")
    phase: str = Field(description="float, factored or qat; 'train' for a teacher.")
    loss: float = Field(description="Mean training loss.")
    validation_loss: float = Field(description="Loss on the eval split, in inference mode.")
    learning_rate: float = Field(description="At the end of the epoch.")
    svd_alpha: float = Field(1.0, description="Weight of the full matrix in an annealed bottleneck.")
    seconds: float = Field(description="Wall time of the epoch.")
    cpu_seconds: float | None = Field(
        None,
        description="Processor time of the process that trained, all its threads together; of several "
        "workers the chief's; none: it was not measured.",
    )


def cpu_seconds_of(epochs: Sequence[EpochMetrics]) -> float | None:
    """Processor time of a whole training; None: it was not measured for every epoch."""
    told = [epoch.cpu_seconds for epoch in epochs if epoch.cpu_seconds is not None]
    return sum(told) if told and len(told) == len(epochs) else None
