"""The figures of a point that goals and budgets speak of, each with its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass

from components.common.frontier.settings import Goal, GoalMetric
from schemas.devices import Percentile
from schemas.verdicts import FrontierPoint

METRIC_NAMES: dict[GoalMetric, str] = {
    "quality": "quality",
    "latency": "latency",
    "latency_ratio": "latency ratio",
    "real_time_factor": "real-time factor",
    "init_ms": "init",
    "bytes": "file size",
    "peak_mib": "peak memory",
    "arena_kib": "tensor arena",
    "flash_kib": "flash",
    "mega_macs": "multiply-accumulates",
}


@dataclass(frozen=True)
class Figure:
    """A figure, or why there is none.

    Attributes:
      value: None: there is none.
      why: Why not.
      low: Lower end of its 95 % interval; None: it has none.
      high: Upper end.
    """

    value: float | None
    why: str = ""
    low: float | None = None
    high: float | None = None


def of_point(goal: Goal, point: FrontierPoint) -> Figure:
    """A figure that the point itself has, with its interval."""
    if goal.metric == "latency":
        return milliseconds(point, goal.percentile)
    if goal.metric == "quality":
        return _quality(goal.task, point)
    value: float | None = getattr(point, goal.metric)
    if value is None:
        return Figure(None, f"the device does not report {METRIC_NAMES[goal.metric]}")
    low, high = _interval(goal.metric, point)
    return Figure(value, low=low, high=high)


def milliseconds(point: FrontierPoint, percentile: Percentile) -> Figure:
    """A latency by its name."""
    told: dict[Percentile, float | None] = {
        "p50": point.p50_ms,
        "p90": point.p90_ms,
        "p95": point.p95_ms,
        "p99": point.p99_ms,
        "mean": point.mean_ms,
    }
    there = ", ".join(name for name, value in told.items() if value is not None)
    why = f"the device does not report {percentile}; it reports {there or 'nothing'}"
    low, high = point.latency_intervals_ms.get(percentile, (None, None))
    return Figure(told[percentile], why, low, high)


def per_second_of_sound(point: FrontierPoint, told: Figure) -> Figure:
    """A latency in milliseconds as a real-time factor."""
    if told.value is None:
        return told
    if point.real_time_factor is None or point.latency_ms is None:
        return Figure(None, "the measurement does not tell how much sound an invocation takes")
    share = point.real_time_factor / point.latency_ms
    low, high = (None if end is None else end * share for end in (told.low, told.high))
    return Figure(told.value * share, low=low, high=high)


def _quality(task: str, point: FrontierPoint) -> Figure:
    below, above = point.quality - point.quality_low, point.quality_high - point.quality
    value: float | None = point.quality
    if task:
        value = point.tasks.get(task)
        # The mean's interval is narrower than one task's by the root of the number of tasks.
        below, above = (half * len(point.tasks) ** 0.5 for half in (below, above))
    if value is None:
        return Figure(None, f"no score on {task!r}: its sound was not there")
    return Figure(value, low=value - max(below, 0.0), high=value + max(above, 0.0))


def _interval(metric: GoalMetric, point: FrontierPoint) -> tuple[float | None, float | None]:
    """Ends of the interval of what was measured in sessions; None for others, or where not told."""
    if metric == "real_time_factor":
        typical: Percentile = "mean" if point.statistic == "mean" else "p50"
        told = per_second_of_sound(point, milliseconds(point, typical))
        return told.low, told.high
    # A ratio without an interval has zeros.
    ratio = (point.latency_ratio_low, point.latency_ratio_high) if point.latency_ratio_high else (None, None)
    ends: dict[GoalMetric, tuple[float | None, float | None]] = {
        "latency_ratio": ratio,
        "init_ms": (point.init_low_ms, point.init_high_ms),
        "peak_mib": (point.peak_low_mib, point.peak_high_mib),
    }
    return ends.get(metric, (None, None))
