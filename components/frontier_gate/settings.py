"""What the gate demands, and how large a difference must be to count."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.reports import VariantInput
from schemas.settings import Settings

Metric = Literal["quality", "latency_ms", "latency_ratio", "bytes", "peak_mib"]
GoalKind = Literal["threshold", "max_degradation"]
Ties = Literal["keep", "thin"]

UNITS: dict[Metric, str] = {
    "quality": "accuracy",
    "latency_ms": "ms",
    "latency_ratio": "x reference",
    "bytes": "bytes",
    "peak_mib": "MiB",
}


class Goal(Settings):
    """One demand on a point; a point is blessed only if it meets all of them.

    Quality is better when larger, everything else when smaller. The kinds are Olive's.
    """

    metric: Metric = Field(description="What is limited.")
    kind: GoalKind = Field(
        "threshold",
        description="threshold: an absolute limit; max_degradation: at most so much below the teacher.",
    )
    limit: float = Field(ge=0, description="The limit, in the metric's unit, or a share if relative.")
    relative: bool = Field(
        False, description="Of max_degradation: the limit is a share of the teacher's figure, 0.1 for 10 %."
    )
    input: VariantInput | None = Field(None, description="Judge only wave or only core points; unset: both.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.kind == "max_degradation" and self.metric != "quality":
            raise ValueError(
                f"max_degradation of {self.metric!r} cannot be judged: the teacher is not timed or weighed; "
                "accepted metric: 'quality', or use kind 'threshold'"
            )
        if self.relative and self.kind != "max_degradation":
            raise ValueError("relative has a meaning only with kind 'max_degradation'")
        if self.metric == "quality" and self.limit > 1 and (self.kind == "threshold" or self.relative):
            raise ValueError(f"limit {self.limit} on quality can never be met: accepted is 0 to 1")
        return self


class GateSettings(Settings):
    """Settings of ``FrontierGate``."""

    goals: tuple[Goal, ...] = Field((), description="Demands on a point; they decide on blessing alone.")
    quality_margin: float = Field(
        0.002,
        ge=0,
        lt=1,
        description="Difference in mean NOSS accuracy that does not count: all points answer the same clips.",
    )
    latency_margin: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Relative difference in latency that does not count; the session's spread may widen it.",
    )
    ties: Ties = Field(
        "keep",
        description="keep: points that cannot be told apart all stay; thin: the smallest file of them stays.",
    )
