"""What the gate demands, on which axes points compete, and how large a difference must be to count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.devices import Budget, Device, Percentile
from schemas.noss_reports import SliceFeature
from schemas.settings import Settings
from schemas.tensors import VariantInput
from schemas.verdicts import AxisMetric

GoalMetric = Literal[
    "quality", "latency", "latency_ratio", "real_time_factor", "init_ms", "bytes", "peak_mib"
]
GoalKind = Literal["threshold", "min_improvement", "max_degradation"]
Ties = Literal["keep", "smallest", "fastest", "best"]

TEACHER = "teacher"
CHAMPION = "champion"


class Slice(Settings):
    """Test clips of a task that have something in common, as TFMA cuts them."""

    feature: SliceFeature = Field(description="What they have in common.")
    value: str = Field(description="As in 'happy' for the feature 'class'.")


class Goal(Settings):
    """One demand on a point; a point is blessed only if it meets all of them.

    Quality is better when larger, everything else when smaller. The kinds are Olive's.
    """

    metric: GoalMetric = Field(description="What is limited.")
    percentile: Percentile = Field("p50", description="Of latency: which figure.")
    task: str = Field("", description="Of quality: one task's score; empty: the mean of all.")
    slice: Slice | None = Field(None, description="Of a task: only these clips' accuracy.")
    kind: GoalKind = Field(
        "threshold",
        description="threshold: an absolute limit; min_improvement: better by at least so much; "
        "max_degradation: worse by at most so much.",
    )
    against: str = Field(
        TEACHER,
        description="Of the last two kinds: 'teacher', 'champion' (the registered one of the same device and "
        "input), a baseline's or reference's name, or a point of the run, <candidate id>/<variant>.",
    )
    limit: float = Field(ge=0, description="In the metric's unit, milliseconds for latency; or a share.")
    relative: bool = Field(
        False, description="Of the last two kinds: the limit is a share of the other's figure, 0.1 for 10 %."
    )
    input: VariantInput | None = Field(None, description="Judge only points of this input; unset: all.")
    devices: tuple[str, ...] = Field((), description="Judge only on these devices; none: on all.")
    without_champion: Literal["pass", "fail"] = Field(
        "pass", description="Against 'champion': what happens to a point while no champion is registered."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        relation = self.kind != "threshold"
        if self.relative and not relation:
            raise ValueError("relative has a meaning only with kind 'min_improvement' or 'max_degradation'")
        if relation and self.against == TEACHER and self.metric != "quality":
            raise ValueError(
                f"{self.kind} of {self.metric!r} against the teacher cannot be judged: the teacher has no "
                "latency or size; accepted: metric 'quality', another 'against', or kind 'threshold'"
            )
        if (self.task or self.slice) and self.metric != "quality":
            raise ValueError(f"task and slice belong to metric 'quality', not to {self.metric!r}")
        if self.slice and not self.task:
            raise ValueError("a slice is cut out of one task: give the task's name too")
        if self.percentile != "p50" and self.metric != "latency":
            raise ValueError(f"percentile belongs to metric 'latency', not to {self.metric!r}")
        if self.metric == "quality" and self.limit > 1 and (not relation or self.relative):
            raise ValueError(f"limit {self.limit} on quality can never be met: accepted: 0 to 1")
        return self


class AxisSettings(Settings):
    """An axis of the comparison: of quality more is better, of everything else less."""

    metric: AxisMetric = Field(description="latency is compared as the ratio to the reference model.")
    task: str = Field("", description="Of quality: one task's score; empty: the mean of all.")
    margin: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Difference that does not count, as a lead or as a loss: a score for quality, a share "
        "for all others; unset: 0.005 for quality, 0.05 for latency, peak_mib and init_ms, 0.02 for bytes.",
    )

    @model_validator(mode="after")
    def _task_of_quality(self) -> Self:
        if self.task and self.metric != "quality":
            raise ValueError(f"a task belongs to the axis 'quality', not to {self.metric!r}")
        return self


class GateSettings(Settings):
    """Settings of ``FrontierGate``."""

    goals: tuple[Goal, ...] = Field((), description="Demands on a point; they decide on blessing alone.")
    axes: tuple[AxisSettings, ...] = Field(
        (AxisSettings(metric="quality"), AxisSettings(metric="latency")),
        min_length=1,
        description="On what points compete.",
    )
    ties: Ties = Field(
        "keep",
        description="keep: points that cannot be told apart all stay; otherwise one of them stays: the "
        "smallest file, the fastest, or the best quality.",
    )
    required_tasks: tuple[str, ...] = Field(
        (), description="Tasks without which nothing may be blessed, as when their sound was not there."
    )
    host_may_bless: bool = Field(
        False,
        description="Whether figures of the host may meet a budget or a goal in milliseconds; by default a "
        "budget is a device's, and only that device can say that it is kept.",
    )

    @model_validator(mode="after")
    def _axes_once(self) -> Self:
        seen = [(axis.metric, axis.task) for axis in self.axes]
        twice = sorted({" of ".join(part for part in one if part) for one in seen if seen.count(one) > 1})
        if twice:
            raise ValueError(f"an axis may be given once, not: {', '.join(twice)}")
        return self


class GateDemands(GateSettings):
    """What points are judged by: the gate's settings, and the budgets of the devices."""

    budgets: dict[str, tuple[Budget, ...]] = Field(default_factory=dict, description="By device.")

    @classmethod
    def of(cls, settings: GateSettings, devices: Mapping[str, Device]) -> Self:
        """The demands on what is timed on these devices."""
        budgets = {name: device.budgets for name, device in devices.items() if device.budgets}
        return cls(**dict(settings), budgets=budgets)
