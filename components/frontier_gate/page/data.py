"""What the page's script reads: one JSON object with every figure that can be shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from components.frontier_gate.page.chart_axes import ChartAxis
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scatter
from components.frontier_gate.page.standing import fate, numbers, status
from components.frontier_gate.plotted import MEASURES, point_figures, registered_figures
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import DeviceVerdict, FrontierPoint

PRECISION = "precision"
# More values than colours that one can tell apart.
MOST_LEVELS = 8
DIGITS = 5

# By hyper-parameter: its values, and which of them each candidate has.
Factors = dict[str, tuple[list[str], dict[str, int]]]


def to_script(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element, whatever names it holds."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_data(material: Material, charts: Mapping[str, Sequence[Scatter]]) -> dict[str, Any]:
    """All that the charts of all devices, ``charts``, can show."""
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
        "tasks": [task.task for task in material.teacher.tasks],
        "factors": [{"name": name, "levels": levels} for name, (levels, _) in factors.items()],
        "devices": {
            device.device: {
                **_points(device, factors),
                "registered": _registered(device),
                "charts": {
                    chart.kind: {
                        "x": {axis.key: _axis(axis) for axis in chart.x_axes},
                        "y": {axis.key: _axis(axis) for axis in chart.y_axes},
                        "stairs": chart.stairs,
                    }
                    for chart in charts[device.device]
                },
            }
            for device in material.verdict.devices
        },
    }


def colour_factors(converted: Sequence[TfliteReport]) -> Factors:
    """Hyper-parameters that points can be coloured by.

    Precision is the variants', so its candidates are ``<candidate id>/<variant>``.
    """
    specs = {report.candidate_id: report.spec.levels(report.front_end) for report in converted}
    found: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(name for spec in specs.values() for name in spec):
        found[name.removeprefix("architecture.")] = {c: spec.get(name, "none") for c, spec in specs.items()}
    found[PRECISION] = {
        f"{report.candidate_id}/{variant.name}": variant.precision
        for report in converted
        for variant in report.variants
    }
    factors: Factors = {}
    for name, values in found.items():
        levels = sorted(set(values.values()), key=_order)
        if 1 < len(levels) <= MOST_LEVELS:
            factors[name] = (levels, {key: levels.index(value) for key, value in values.items()})
    return factors


def _points(device: DeviceVerdict, factors: Factors) -> dict[str, Any]:
    """The points as a table: names of the columns once, then a row a point."""
    number = numbers(device)
    records = [
        {
            "id": point.point_id,
            "input": point.input,
            "status": status(device, point),
            "number": number.get(point.point_id, 0),
            "frontier": point.on_frontier,
            "parameters": point.parameters,
            "levels": [
                level_of.get(point.point_id if name == PRECISION else point.candidate_id, 0)
                for name, (_, level_of) in factors.items()
            ],
            **{name: _short(figure) for name, figure in _figures(point).items()},
        }
        for point in device.points
    ]
    fields = list(dict.fromkeys(name for record in records for name in record))
    return {"fields": fields, "points": [[record.get(name) for name in fields] for record in records]}


def _figures(point: FrontierPoint) -> dict[str, float | None]:
    """Every figure of a point, by the axis it belongs to where it has one."""
    figures: dict[str, float | None] = {
        "share": point.quality_of_teacher,
        "mean": point.mean_ms,
        "difference": point.teacher_difference,
        "difference_low": point.teacher_difference_low,
        "difference_high": point.teacher_difference_high,
        **{measure.key: None for measure in MEASURES},
    }
    for key, (value, low, high) in point_figures(point).items():
        figures[key] = value
        if low != high:
            figures |= {f"{key}_low": low, f"{key}_high": high}
    return figures


def _registered(device: DeviceVerdict) -> list[dict[str, Any]]:
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
        for key, (value, low, high) in registered_figures(point, device.reference_ms).items():
            record |= {key: _short(value), f"{key}_low": _short(low), f"{key}_high": _short(high)}
        found.append(record)
    return found


def _axis(axis: ChartAxis) -> dict[str, Any]:
    return {
        "label": axis.label,
        "low": axis.scale.low,
        "high": axis.scale.high,
        "log": axis.scale.log,
        "outside": [line.label for line in axis.outside],
    }


def _short(value: float | None) -> float | None:
    """A figure as exact as a reader can use; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def _order(level: str) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    try:
        return False, float(level), level
    except ValueError:
        return True, 0.0, level
