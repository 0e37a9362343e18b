"""The axes of the comparison: their figures and their margins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from components.common.frontier.scales import NORMAL_95, Axis, Floats
from components.common.frontier.settings import AxisSettings
from components.common.frontier.simultaneous import critical_value
from schemas.latency_reports import LatencyMeasurement
from schemas.tensors import VariantInput
from schemas.verdicts import AxisInfo, AxisMetric, FrontierPoint

INPUT_KINDS: tuple[VariantInput, ...] = get_args(VariantInput)

_MARGINS: dict[AxisMetric, float] = {
    "quality": 0.005,
    "latency": 0.05,
    "bytes": 0.02,
    "peak_mib": 0.05,
    "init_ms": 0.05,
    "arena_kib": 0.02,
    "flash_kib": 0.02,
    "mega_macs": 0.02,
}
_UNITS: dict[AxisMetric, str] = {
    "quality": "score",
    "latency": "x the reference network",
    "bytes": "bytes",
    "peak_mib": "MiB",
    "init_ms": "ms",
    "arena_kib": "KiB",
    "flash_kib": "KiB",
    "mega_macs": "million multiply-accumulates",
}


@dataclass(frozen=True)
class Entrant:
    """Who competes: a point of this run, or a registered model.

    Attributes:
      name: The point's id, or the registered model's name and version.
      point: Its figures.
      draws: Bootstrapped scores ``(resamples,)`` by task, '' for the mean of all; draw i of all entrants is
        of the same clips. Empty: none are known.
      own: Whether it is of this run.
      rounds: Logarithms of what each round took, by session of this run on the device. Empty: not told, or it
        was timed in another run.
    """

    name: str
    point: FrontierPoint
    draws: Mapping[str, Floats]
    own: bool = True
    rounds: Mapping[int, Floats] = field(default_factory=dict)


def log_rounds(measured: LatencyMeasurement) -> dict[int, Floats]:
    """Logarithms of what each round took, by session; empty if the report has not kept the rounds."""
    told = zip(measured.session_numbers, measured.round_ms, strict=False)
    return {session: np.log(rounds) for session, rounds in told}


def misplaced(point: FrontierPoint, axes: Sequence[AxisSettings]) -> str:
    """Why a point has no place on the axes; empty if it has one."""
    for axis in axes:
        value = figure_of(point, axis)
        if value is None:
            return f"{_name(axis)} is an axis, but has no value"
        low, high = _interval(point, axis.metric, value)
        if axis.metric == "quality":
            low, high = point.quality_low, point.quality_high
        finite = all(math.isfinite(figure) for figure in (low, value, high))
        if not finite or (axis.metric != "quality" and not 0 < low <= value <= high):
            return (
                f"{_name(axis)} is an axis, but {value:.6g} ({low:.6g} to {high:.6g}) is not a "
                "valid value for it"
            )
    return ""


def measure_axes(axes: Sequence[AxisSettings], entrants: Sequence[Entrant]) -> list[AxisInfo]:
    """Each axis with its margin, and how many deviations a lead must have where all entrants are compared.

    Every point of an axis, whatever its input, gets the same margin: with a margin for each pair there
    could be cycles, and a frontier could be empty.
    """
    return [
        AxisInfo(
            metric=axis.metric,
            task=axis.task,
            larger_is_better=axis.metric == "quality",
            margin=_MARGINS[axis.metric] if axis.margin is None else axis.margin,
            critical=_critical(axis, entrants),
            relative=axis.metric != "quality",
            unit=_UNITS[axis.metric],
            source="the default" if axis.margin is None else "as set",
        )
        for axis in axes
    ]


def _critical(axis: AxisSettings, entrants: Sequence[Entrant]) -> float:
    """Points of one input compete; the largest of the kinds' values holds for the axis."""
    if axis.metric != "quality":
        return NORMAL_95
    groups = [[e for e in entrants if e.point.input == kind] for kind in INPUT_KINDS]
    found = [_draws(axis.task, group) for group in groups]
    return max([NORMAL_95, *(critical_value(draws) for draws in found if draws is not None)])


def place(
    axes: Sequence[AxisSettings], measured: Sequence[AxisInfo], entrants: Sequence[Entrant]
) -> list[Axis]:
    """The entrants' figures on the axes."""
    return [_place(axis, info, entrants) for axis, info in zip(axes, measured, strict=True)]


def _place(axis: AxisSettings, info: AxisInfo, entrants: Sequence[Entrant]) -> Axis:
    values = np.array([figure_of(entrant.point, axis) for entrant in entrants], dtype=np.float64)
    low, high = values, values
    draws: Floats | None = None
    if axis.metric != "quality":
        ends = [_interval(e.point, axis.metric, value) for e, value in zip(entrants, values, strict=True)]
        low, high = (np.array(end, dtype=np.float64) for end in zip(*ends, strict=True))
    if axis.metric == "quality":
        # The mean's interval is narrower than one task's by the root of the number of tasks.
        wider = np.array([len(e.point.tasks) ** 0.5 if axis.task else 1.0 for e in entrants])
        below = np.array([entrant.point.quality - entrant.point.quality_low for entrant in entrants])
        above = np.array([entrant.point.quality_high - entrant.point.quality for entrant in entrants])
        low, high = values - np.maximum(below, 0) * wider, values + np.maximum(above, 0) * wider
        draws = _draws(axis.task, entrants)
    return Axis(
        _name(axis),
        values,
        info.margin,
        low=low,
        high=high,
        draws=draws,
        rounds=_rounds(entrants) if axis.metric == "latency" else None,
        critical=info.critical,
        larger_is_better=axis.metric == "quality",
        relative=axis.metric != "quality",
    )


def _draws(task: str, entrants: Sequence[Entrant]) -> Floats | None:
    """Draws ``(n, resamples)``, a row of NaN for an entrant without; None if nobody has any."""
    lengths = {len(entrant.draws[task]) for entrant in entrants if task in entrant.draws}
    if not lengths:
        return None
    if len(lengths) > 1:
        raise ValueError(f"bootstrap draws of {task or 'the mean'} differ in number: {sorted(lengths)}")
    none = np.full(lengths.pop(), np.nan)
    return np.stack([entrant.draws.get(task, none) for entrant in entrants])


def _rounds(entrants: Sequence[Entrant]) -> Floats | None:
    """Rounds ``(n, sessions, rounds)``, NaN where an entrant has none; None if nobody has any."""
    sessions = sorted({session for entrant in entrants for session in entrant.rounds})
    longest = max((len(one) for entrant in entrants for one in entrant.rounds.values()), default=0)
    if not longest:
        return None
    rounds = np.full((len(entrants), len(sessions), longest), np.nan)
    for place, entrant in zip(rounds, entrants, strict=True):
        for row, session in zip(place, sessions, strict=True):
            own = entrant.rounds.get(session, ())
            row[: len(own)] = own
    return rounds


def figure_of(point: FrontierPoint, axis: AxisSettings) -> float | None:
    """A point's figure on an axis; None: it has none."""
    figures: dict[AxisMetric, float | None] = {
        "quality": point.tasks.get(axis.task) if axis.task else point.quality,
        "latency": point.latency_ratio,
        "bytes": float(point.bytes),
        "peak_mib": point.peak_mib,
        "init_ms": point.init_ms,
        "arena_kib": point.arena_kib,
        "flash_kib": point.flash_kib,
        "mega_macs": point.mega_macs,
    }
    return figures[axis.metric]


def _interval(point: FrontierPoint, metric: AxisMetric, value: float) -> tuple[float, float]:
    """Lower and upper end of what was measured in sessions; the value itself where none is told."""
    ends: dict[AxisMetric, tuple[float | None, float | None]] = {
        "latency": (point.latency_ratio_low, point.latency_ratio_high),
        "peak_mib": (point.peak_low_mib, point.peak_high_mib),
        "init_ms": (point.init_low_ms, point.init_high_ms),
    }
    low, high = ends.get(metric, (None, None))
    return (value, value) if low is None or high is None else (low, high)


def _name(axis: AxisSettings) -> str:
    return f"quality on {axis.task}" if axis.task else axis.metric
