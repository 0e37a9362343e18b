"""What may stand on the axes of a device's charts, and the lines that belong there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from components.common.frontier.settings import GoalMetric
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.scales import Scale
from components.frontier_gate.panel import LOG_FROM_RATIO
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict, FrontierPoint, RegisteredPoint

Interval = tuple[float, float, float]

QUALITY = "quality"
LATENCY = "latency"
TASK = "task:"
MIB = 2**20
# A line farther off than this share of the axis is told below the chart: drawn, it would squeeze the points.
FARTHEST_LINE = 0.5
_KEY_OF: Mapping[GoalMetric, str] = {
    "latency_ratio": "ratio",
    "real_time_factor": "rtf",
    "init_ms": "init",
    "peak_mib": "peak",
}


@dataclass(frozen=True)
class Measure:
    """A figure of a point that may stand on the axis of costs: the smaller the better.

    Attributes:
      key: Name in the page's data.
      label: With its unit.
      of: The figure with its interval, or None where it was not measured.
    """

    key: str
    label: str
    of: Callable[[FrontierPoint], Interval | None]


@dataclass(frozen=True)
class Line:
    """A limit or another model's figure, drawn across the chart.

    Attributes:
      value: Where.
      label: In words.
      kind: teacher, baseline, reference, budget or goal.
      slot: Which of three places along the line the label takes, so that labels do not meet.
    """

    value: float
    label: str
    kind: str
    slot: int = 0


@dataclass(frozen=True)
class Axis:
    """One choice for an axis of one chart."""

    key: str
    label: str
    scale: Scale
    lines: list[Line]
    outside: list[Line]


def _alone(value: float | None) -> Interval | None:
    """A figure without an interval."""
    return None if value is None or not math.isfinite(value) else (value, value, value)


# The first is what a chart begins with; its label says whose latency it is.
MEASURES = (
    Measure(LATENCY, "latency, ms a window", lambda p: (p.latency_ms, p.latency_low_ms, p.latency_high_ms)),
    Measure("p90", "latency p90, ms a window", lambda p: _alone(p.p90_ms)),
    Measure("p95", "latency p95, ms a window", lambda p: _alone(p.p95_ms)),
    Measure("p99", "latency p99, ms a window", lambda p: _alone(p.p99_ms)),
    Measure(
        "ratio",
        "latency as a ratio to the reference model's",
        lambda p: (p.latency_ratio, p.latency_ratio_low, p.latency_ratio_high),
    ),
    Measure("rtf", "real-time factor", lambda p: _alone(p.real_time_factor)),
    Measure("mib", "size of the file, MiB", lambda p: _alone(p.bytes / MIB)),
    Measure("peak", "peak memory, MiB", lambda p: _alone(p.peak_mib)),
    Measure("init", "load and prepare, ms", lambda p: _alone(p.init_ms)),
)


def registered_figures(point: RegisteredPoint, reference_ms: float | None) -> dict[str, Interval]:
    """A registered version's figures by the key of the measure.

    It was timed in another session, so it stands where its ratio to the reference model, by which it is
    judged, puts it in this session.
    """
    ratio = (point.latency_ratio, point.latency_ratio_low, point.latency_ratio_high)
    found: dict[str, Interval | None] = {
        QUALITY: (point.quality, point.quality_low, point.quality_high),
        "ratio": ratio,
        "mib": _alone(point.bytes / MIB),
        "peak": _alone(point.peak_mib),
    }
    if reference_ms is not None:
        value, low, high = ratio
        found[LATENCY] = (value * reference_ms, low * reference_ms, high * reference_ms)
    return {key: figure for key, figure in found.items() if figure}


def cost_axes(material: Material, device: DeviceVerdict, kind: VariantInput, label: str) -> list[Axis]:
    """The choices for the axis of costs that at least one point has a figure for."""
    points = [point for point in device.points if point.input == kind]
    rivals = [
        registered_figures(r, device.reference_ms)
        for r in device.registered
        if r.competes and r.input == kind
    ]
    limits = [*_goals(material, device, kind), *_budgets(material, device, kind)]
    axes = []
    for measure in MEASURES:
        found = [figure for point in points if (figure := measure.of(point))]
        found += [figures[measure.key] for figures in rivals if measure.key in figures]
        values = [value for figure in found for value in figure]
        if values:
            log = min(values) > 0 and max(values) / min(values) >= LOG_FROM_RATIO
            lines = [line for keys, line in limits if measure.key in keys]
            words = label if measure.key == LATENCY else measure.label
            axes.append(_axis(measure.key, words, values, lines, log=log))
    return axes


def quality_axes(material: Material, device: DeviceVerdict, kind: VariantInput) -> list[Axis]:
    """The choices for the axis of quality: the mean, then each task."""
    points = [point for point in device.points if point.input == kind]
    rivals = [rival for rival in device.registered if rival.competes and rival.input == kind]
    models = [material.teacher, *material.baselines]
    limits = _goals(material, device, kind)
    means = [end for p in points for end in (p.quality, p.quality_low, p.quality_high)]
    means += [end for r in rivals for end in (r.quality, r.quality_low, r.quality_high)]
    choices = [(QUALITY, "mean NOSS score", means, [Line(m.mean, m.model, m.kind) for m in models])]
    for task in [task.task for task in material.teacher.tasks]:
        scores = [point.tasks[task] for point in points if task in point.tasks]
        lines = [
            Line(result.score, model.model, model.kind)
            for model in models
            for result in model.tasks
            if result.task == task
        ]
        if scores:
            choices.append((TASK + task, f"NOSS score, {task}", scores, lines))
    return [
        _axis(
            key,
            label,
            [*values, *(line.value for line in lines)],
            [*lines, *(line for keys, line in limits if key in keys)],
        )
        for key, label, values, lines in choices
    ]


def _goals(
    material: Material, device: DeviceVerdict, kind: VariantInput
) -> list[tuple[tuple[str, ...], Line]]:
    """The goals' limits, each with the axes it belongs on; they are the same for all points of an input."""
    point = next(point for point in device.points if point.input == kind)
    found: list[tuple[tuple[str, ...], Line]] = []
    for goal, result in zip(material.goals_of(device.device, kind), point.goals, strict=False):
        if result.limit is None or goal.slice:
            continue
        if goal.metric == "quality":
            key = TASK + goal.task if goal.task else QUALITY
            found.append(((key,), Line(result.limit, f"goal: at least {result.limit:.3f}", "goal")))
        elif goal.metric == "bytes":
            mib = result.limit / MIB
            found.append((("mib",), Line(mib, f"goal: at most {mib:.3g} MiB", "goal")))
        elif goal.metric == "latency":
            words = f"goal: {goal.percentile} at most {result.limit:.3g} ms"
            found.append(((LATENCY, goal.percentile), Line(result.limit, words, "goal")))
        else:
            words = f"goal: at most {result.limit:.3g}"
            found.append(((_KEY_OF[goal.metric],), Line(result.limit, words, "goal")))
    return found


def _budgets(
    material: Material, device: DeviceVerdict, kind: VariantInput
) -> list[tuple[tuple[str, ...], Line]]:
    """The device's budgets, each with the axes it belongs on."""
    found: list[tuple[tuple[str, ...], Line]] = []
    for budget in material.settings.budgets.get(device.device, ()):
        if budget.input not in (None, kind):
            continue
        name = budget.percentile
        if budget.milliseconds is not None:
            words = f"budget: {name} at most {budget.milliseconds:g} ms"
            found.append(((LATENCY, name), Line(budget.milliseconds, words, "budget")))
        if budget.real_time_factor is not None:
            words = f"budget: real-time factor ({name}) at most {budget.real_time_factor:g}"
            found.append((("rtf",), Line(budget.real_time_factor, words, "budget")))
            # A factor is a time only where all files hear as much.
            if device.window_ms is not None:
                ms = budget.real_time_factor * device.window_ms
                found.append(((LATENCY, name), Line(ms, words, "budget")))
    return found


def _axis(key: str, label: str, values: Sequence[float], lines: Sequence[Line], *, log: bool = False) -> Axis:
    """An axis over all values, and over the lines that do not stand too far away."""
    points = Scale.over(values, log=log)
    near = [
        line.value
        for line in lines
        if (line.value > 0 or not log) and -FARTHEST_LINE <= points.share(line.value) <= 1 + FARTHEST_LINE
    ]
    scale = Scale.over([*values, *near], log=log)
    inside = sorted((line for line in lines if scale.holds(line.value)), key=lambda line: line.value)
    return Axis(
        key,
        label,
        scale,
        [Line(line.value, line.label, line.kind, i % 3) for i, line in enumerate(inside)],
        [line for line in lines if not scale.holds(line.value)],
    )
