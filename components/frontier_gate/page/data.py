"""What the page's script reads: one JSON object with every figure that can be shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from components.frontier_gate.page.axes import TASK, Axis, Interval, Measure, measures, registered_figures
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scatter
from components.frontier_gate.page.standing import fate, numbers, status
from schemas.latency_reports import LatencyReport
from schemas.reports import TfliteReport
from schemas.verdicts import DeviceVerdict, FrontierPoint

PRECISION = "precision"
# More values than colours that one can tell apart.
MOST_LEVELS = 8
DIGITS = 5


def to_script(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element, whatever names it holds."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_data(
    material: Material, labels: Mapping[str, str], charts: Mapping[str, Sequence[Scatter]]
) -> dict[str, Any]:
    """All that the charts of all devices can show.

    Args:
      material: The reports.
      labels: What a latency is called, by device.
      charts: By device.
    """
    tasks = [task.task for task in material.teacher.tasks]
    factors = colour_factors(material.converted)
    return {
        "frame": {
            "width": WIDTH,
            "height": HEIGHT,
            "left": LEFT,
            "right": RIGHT,
            "top": TOP,
            "bottom": BOTTOM,
        },
        "tasks": tasks,
        "factors": [{"name": name, "levels": levels} for name, (levels, _) in factors.items()],
        "devices": {
            device.device: {
                "latency": labels[device.device],
                **_points(device, tasks, factors, labels[device.device]),
                "registered": _registered(device, material.latency_of(device.device)),
                "charts": {
                    chart.kind: {
                        "x": {axis.key: _axis(axis) for axis in chart.x_axes},
                        "y": {axis.key: _axis(axis) for axis in chart.y_axes},
                    }
                    for chart in charts[device.device]
                },
            }
            for device in material.verdict.devices
        },
    }


def colour_factors(converted: Sequence[TfliteReport]) -> dict[str, tuple[list[str], dict[str, int]]]:
    """Hyper-parameters that points can be coloured by: their values, and which one each candidate has.

    Precision is the variants', so its candidates are ``<candidate id>/<variant>``.
    """
    specs = {
        report.candidate_id: {name: _level(value) for name, value in report.spec.parameters().items()}
        for report in converted
    }
    found: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(name for spec in specs.values() for name in spec):
        found[name.removeprefix("architecture.")] = {c: spec.get(name, "none") for c, spec in specs.items()}
    found[PRECISION] = {
        f"{report.candidate_id}/{variant.name}": variant.precision
        for report in converted
        for variant in report.variants
    }
    factors = {}
    for name, values in found.items():
        levels = sorted(set(values.values()), key=_order)
        if 1 < len(levels) <= MOST_LEVELS:
            factors[name] = (levels, {key: levels.index(value) for key, value in values.items()})
    return factors


def _points(
    device: DeviceVerdict,
    tasks: Sequence[str],
    factors: Mapping[str, tuple[list[str], dict[str, int]]],
    label: str,
) -> dict[str, Any]:
    """The points as a table: names of the columns once, then a row a point."""
    costs = measures(label)
    number = numbers(device)
    fields = ["id", "input", "status", "number", "frontier", "parameters", "share", "mean", "levels"]
    fields += [f"difference{end}" for end in ("", "_low", "_high")]
    fields += [f"quality{end}" for end in ("", "_low", "_high")]
    fields += [f"{TASK}{task}" for task in tasks]
    for cost in costs:
        fields += (
            [cost.key, f"{cost.key}_low", f"{cost.key}_high"]
            if cost.key in ("latency", "ratio")
            else [cost.key]
        )
    return {
        "fields": fields,
        "points": [
            _row(p, status(device, p), number.get(p.point_id, 0), tasks, factors, costs)
            for p in device.points
        ],
    }


def _row(
    point: FrontierPoint,
    standing: str,
    number: int,
    tasks: Sequence[str],
    factors: Mapping[str, tuple[list[str], dict[str, int]]],
    costs: Sequence[Measure],
) -> list[Any]:
    levels = [
        level_of.get(point.point_id if name == PRECISION else point.candidate_id, 0)
        for name, (_, level_of) in factors.items()
    ]
    figures: list[float | None] = [
        point.teacher_difference,
        point.teacher_difference_low,
        point.teacher_difference_high,
        point.quality,
        point.quality_low,
        point.quality_high,
        *(point.tasks.get(task) for task in tasks),
    ]
    for cost in costs:
        interval: Interval | tuple[None, None, None] = cost.of(point) or (None, None, None)
        figures += interval if cost.key in ("latency", "ratio") else interval[:1]
    return [
        point.point_id,
        point.input,
        standing,
        number,
        point.on_frontier,
        point.parameters,
        _short(point.quality_of_teacher),
        _short(point.mean_ms),
        levels,
        *(_short(figure) for figure in figures),
    ]


def _registered(device: DeviceVerdict, latency: LatencyReport | None) -> list[dict[str, Any]]:
    found = []
    for point in device.registered:
        record: dict[str, Any] = {
            "name": point.name,
            "id": point.point_id,
            "input": point.input,
            "fate": fate(point),
            "frontier": point.competes and not point.beaten_by,
            "measured": _short(point.latency_ms),
        }
        for key, (value, low, high) in registered_figures(point, latency).items():
            record |= {key: _short(value), f"{key}_low": _short(low), f"{key}_high": _short(high)}
        found.append(record)
    return found


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "label": axis.label,
        "low": axis.scale.low,
        "high": axis.scale.high,
        "log": axis.scale.log,
        "ticks": axis.scale.ticks(),
        "lines": [[line.value, line.label, line.kind, line.slot] for line in axis.lines],
        "outside": [line.label for line in axis.outside],
    }


def _short(value: float | None) -> float | None:
    """A figure as exact as a reader can use; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def _level(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value not in ("", None) else "none"


def _order(level: str) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    try:
        return False, float(level), level
    except ValueError:
        return True, 0.0, level
