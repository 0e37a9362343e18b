"""What the gate demands, on which axes points compete, and how large a difference must be to count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.devices import Budget, Device, Percentile
from schemas.latency_reports import Machine
from schemas.noss_reports import SliceFeature
from schemas.settings import Settings
from schemas.tensors import VariantInput
from schemas.verdicts import AxisMetric

GoalMetric = Literal[
    "quality",
    "latency",
    "latency_ratio",
    "real_time_factor",
    "init_ms",
    "bytes",
    "peak_mib",
    "arena_kib",
    "flash_kib",
    "mega_macs",
]
# What only a device that measures time has, and what only a board's interpreter tells.
TIMED: tuple[GoalMetric | AxisMetric, ...] = (
    "latency",
    "latency_ratio",
    "real_time_factor",
    "init_ms",
    "peak_mib",
)
OF_BOARD: tuple[GoalMetric | AxisMetric, ...] = ("arena_kib", "mega_macs")
# On a board this stands where time or memory of a process stands elsewhere.
_INSTEAD: dict[AxisMetric, AxisMetric] = {"latency": "mega_macs", "peak_mib": "arena_kib"}
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

    metric: AxisMetric = Field(
        description="latency is compared as the ratio to the reference model; where no time is measured, "
        "mega_macs stand for it. An axis that a device cannot tell is left out there."
    )
    task: str = Field("", description="Of quality: one task's score; empty: the mean of all.")
    margin: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Difference that does not count, as a lead or as a loss: a score for quality, a share "
        "for all others; unset: 0.005 for quality, 0.05 for latency, peak_mib and init_ms, 0.02 for what is "
        "counted and not measured.",
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


def axes_on(axes: Sequence[AxisSettings], timed: bool) -> tuple[AxisSettings, ...]:
    """Those axes that a device has figures for.

    Args:
      axes: As they were configured, for all devices.
      timed: Whether the device measures time.
    """
    if timed:
        return tuple(axis for axis in axes if axis.metric not in OF_BOARD)
    there = {axis.metric for axis in axes}
    found = []
    for axis in axes:
        instead = _INSTEAD.get(axis.metric)
        if axis.metric not in TIMED:
            found.append(axis)
        elif instead and instead not in there:
            found.append(AxisSettings(metric=instead))
    return tuple(found)


class GateDemands(GateSettings):
    """What points are judged by: the gate's settings, and the budgets of the devices."""

    budgets: dict[str, tuple[Budget, ...]] = Field(default_factory=dict, description="By device.")

    @classmethod
    def of(cls, settings: GateSettings, devices: Mapping[str, Device]) -> Self:
        """The demands on what is timed on these devices."""
        budgets = {name: device.budgets for name, device in devices.items() if device.budgets}
        return cls(**dict(settings), budgets=budgets)

    def on(self, machine: Machine) -> Self:
        """The demands with the axes that a machine has figures for: those of time, or those of a board."""
        return self.model_copy(update={"axes": axes_on(self.axes, machine.measures_time)})
