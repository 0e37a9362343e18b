"""What may stand on the axes of a device's charts, and the lines that belong there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from components.common.frontier.settings import GoalMetric
from components.frontier_gate.page.chart_scale import ChartScale
from components.frontier_gate.page.material import Material
from components.frontier_gate.panel import LOG_FROM_RATIO
from components.frontier_gate.plotted import (
    LATENCY,
    MEASURES,
    MIB,
    QUALITY,
    TASK,
    Interval,
    cost_key,
    figures_on,
)
from schemas.footprints import KIB
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict

# A line farther off than this share of the axis is told below the chart: drawn, it would squeeze the points.
FARTHEST_LINE = 0.5
# Bytes in the unit of a limit on the size of a file.
_SIZES: Mapping[GoalMetric, int] = {"bytes": 1, "flash_kib": KIB}
_KEY_OF: Mapping[GoalMetric, str] = {
    "latency_ratio": "ratio",
    "real_time_factor": "rtf",
    "init_ms": "init",
    "peak_mib": "peak",
    "arena_kib": "arena",
    "mega_macs": "macs",
}


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
class ChartAxis:
    """One choice for an axis of one chart."""

    key: str
    label: str
    scale: ChartScale
    lines: list[Line]
    outside: list[Line]


def cost_axes(material: Material, device: DeviceVerdict, kind: VariantInput, label: str) -> list[ChartAxis]:
    """The choices for the axis of costs that at least one point has a figure for."""
    figures = figures_on(device, kind)
    limits = [*_goals(material, device, kind), *_budgets(material, device, kind)]
    axes = []
    for measure in MEASURES:
        values = _ends(figures, measure.key)
        if values:
            log = min(values) > 0 and max(values) / min(values) >= LOG_FROM_RATIO
            lines = [line for keys, line in limits if measure.key in keys]
            words = label if measure.key == cost_key(device.machine) else measure.label
            axes.append(_axis(measure.key, words, values, lines, log=log))
    return axes


def quality_axes(material: Material, device: DeviceVerdict, kind: VariantInput) -> list[ChartAxis]:
    """The choices for the axis of quality: the mean, then each task."""
    figures = figures_on(device, kind)
    models = [material.teacher, *material.baselines]
    limits = _goals(material, device, kind)
    choices = [(QUALITY, "mean NOSS score", [Line(m.mean, m.model, m.kind) for m in models])]
    for task in [task.task for task in material.teacher.tasks]:
        lines = [
            Line(result.score, model.model, model.kind)
            for model in models
            for result in model.tasks
            if result.task == task
        ]
        choices.append((TASK + task, f"NOSS score, {task}", lines))
    return [
        _axis(
            key,
            label,
            [*values, *(line.value for line in lines)],
            [*lines, *(line for keys, line in limits if key in keys)],
        )
        for key, label, lines in choices
        if (values := _ends(figures, key))
    ]


def _ends(figures: Iterable[Mapping[str, Interval]], key: str) -> list[float]:
    """All figures on an axis with the ends of their intervals."""
    return [end for known in figures if key in known for end in known[key]]


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
        elif goal.metric in _SIZES:
            mib = result.limit * _SIZES[goal.metric] / MIB
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
        for limit, key, scale, words in (
            (budget.arena_kib, "arena", 1.0, "arena at most {:g} KiB"),
            (budget.flash_kib, "mib", KIB / MIB, "flash at most {:g} KiB"),
            (budget.mega_macs, "macs", 1.0, "at most {:g} M multiply-accumulates"),
        ):
            if limit is not None:
                found.append(((key,), Line(limit * scale, f"budget: {words.format(limit)}", "budget")))
        if budget.milliseconds is not None:
            words = f"budget: {name} at most {budget.milliseconds:g} ms"
            found.append(((LATENCY, name), Line(budget.milliseconds, words, "budget")))
        if budget.real_time_factor is not None:
            words = f"budget: real-time factor ({name}) at most {budget.real_time_factor:g}"
            found.append((("rtf",), Line(budget.real_time_factor, words, "budget")))
            # A factor is a time only where all files take as much sound.
            if (window_ms := device.window_ms(kind)) is not None:
                ms = budget.real_time_factor * window_ms
                found.append(((LATENCY, name), Line(ms, words, "budget")))
    return found


def _axis(
    key: str, label: str, values: Sequence[float], lines: Sequence[Line], *, log: bool = False
) -> ChartAxis:
    """An axis over all values, and over the lines that do not stand too far away."""
    points = ChartScale.over(values, log=log)
    near = [
        line.value
        for line in lines
        if (line.value > 0 or not log) and -FARTHEST_LINE <= points.share(line.value) <= 1 + FARTHEST_LINE
    ]
    scale = ChartScale.over([*values, *near], log=log)
    inside = sorted((line for line in lines if scale.holds(line.value)), key=lambda line: line.value)
    return ChartAxis(
        key,
        label,
        scale,
        [Line(line.value, line.label, line.kind, i % 3) for i, line in enumerate(inside)],
        [line for line in lines if not scale.holds(line.value)],
    )
