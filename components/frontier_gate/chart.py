"""Geometry of the page's inline SVG charts: where things stand, nothing of how they look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.picture import LOG_FROM_RATIO
from schemas.devices import VariantInput
from schemas.reports import StudentInfo
from schemas.verdicts import FrontierPoint, Verdict

WIDTH, HEIGHT = 600.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 16.0, 46.0
CURVE_WIDTH, CURVE_HEIGHT = 220.0, 110.0
PADDING = 0.06


@dataclass(frozen=True)
class Scale:
    """Maps figures to pixels, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a figure."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        """Round figures inside the scale."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [m * 10.0**d for d in decades for m in (1, 2, 5)]
        else:
            raw = (self.high - self.low) / 5
            power = 10.0 ** math.floor(math.log10(raw))
            step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw)
            first = math.ceil(self.low / step)
            found = [i * step for i in range(first, math.floor(self.high / step) + 1)]
        return [round(tick, 10) for tick in found if self.low <= tick <= self.high]


@dataclass(frozen=True)
class Mark:
    """One point of a chart with its interval bars, in pixels."""

    point: FrontierPoint
    x: float
    y: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class Line:
    """A horizontal line: the teacher or a baseline."""

    label: str
    kind: str
    y: float


@dataclass(frozen=True)
class Scatter:
    """Quality against latency for one kind of input."""

    kind: VariantInput
    marks: list[Mark]
    frontier: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class Curve:
    """Training of one candidate: polylines of both losses, and where a phase begins."""

    candidate_id: str
    loss: str
    validation: str
    best_x: float
    best_y: float
    phases: list[tuple[float, str]]
    epochs: int
    best_epoch: int
    best_validation: float


def scatter(verdict: Verdict, kind: VariantInput) -> Scatter | None:
    """The chart of one kind of input, or None without a point of it."""
    points = [point for point in verdict.points if point.input == kind]
    if not points:
        return None
    references = [verdict.teacher, *verdict.baselines]
    latencies = [p.latency_ms for p in points]
    x = _scale(
        [end for p in points for end in (p.latency_ms, p.latency_low_ms, p.latency_high_ms)],
        LEFT,
        WIDTH - RIGHT,
        log=max(latencies) / min(latencies) >= LOG_FROM_RATIO,
    )
    y = _scale(
        [*(end for p in points for end in (p.quality_low, p.quality_high)), *(r.quality for r in references)],
        HEIGHT - BOTTOM,
        TOP,
    )
    frontier = sorted((p for p in points if p.on_frontier), key=lambda p: p.latency_ms)
    return Scatter(
        kind=kind,
        marks=[_mark(point, x, y) for point in sorted(points, key=lambda p: (p.blessed, p.on_frontier))],
        frontier=_polyline([(x(p.latency_ms), y(p.quality)) for p in frontier]),
        lines=[Line(r.model, r.kind, y(r.quality)) for r in references],
        x_ticks=[(x(tick), f"{tick:g}") for tick in x.ticks()],
        y_ticks=[(y(tick), f"{tick:.2f}") for tick in y.ticks()],
    )


def curves(students: Sequence[StudentInfo]) -> list[Curve]:
    """Training curves, all on one scale so that they can be compared."""
    students = [student for student in students if student.epochs and not student.failure]
    losses = [
        value
        for s in students
        for e in s.epochs
        for value in (e.loss, e.validation_loss)
        if math.isfinite(value)
    ]
    if not losses:
        return []
    longest = max(len(student.epochs) for student in students)
    x = Scale(0.0, max(longest - 1.0, 1.0), 6.0, CURVE_WIDTH - 6.0)
    y = _scale(losses, CURVE_HEIGHT - 6.0, 6.0)
    return [_curve(student, x, y) for student in students]


def _curve(student: StudentInfo, x: Scale, y: Scale) -> Curve:
    epochs = student.epochs
    starts = [0, *(i for i in range(1, len(epochs)) if epochs[i].phase != epochs[i - 1].phase)]
    best = next((i for i, e in enumerate(epochs) if e.epoch == student.best_epoch), len(epochs) - 1)
    validation = epochs[best].validation_loss
    return Curve(
        candidate_id=student.candidate_id,
        loss=_polyline([(x(i), y(e.loss)) for i, e in enumerate(epochs) if math.isfinite(e.loss)]),
        validation=_polyline(
            [(x(i), y(e.validation_loss)) for i, e in enumerate(epochs) if math.isfinite(e.validation_loss)]
        ),
        best_x=x(best),
        best_y=y(validation) if math.isfinite(validation) else 0.0,
        phases=[(x(start), epochs[start].phase) for start in starts],
        epochs=len(epochs),
        best_epoch=student.best_epoch,
        best_validation=validation,
    )


def _mark(point: FrontierPoint, x: Scale, y: Scale) -> Mark:
    return Mark(
        point,
        x(point.latency_ms),
        y(point.quality),
        x(point.latency_low_ms),
        x(point.latency_high_ms),
        y(point.quality_low),
        y(point.quality_high),
    )


def _scale(values: Sequence[float], start: float, end: float, *, log: bool = False) -> Scale:
    """A scale over all values with some room at both ends."""
    low, high = min(values), max(values)
    if log:
        room = (high / low) ** PADDING
        return Scale(low / room, high * room, start, end, log=True)
    room = (high - low) * PADDING or max(abs(high), 1e-3) * PADDING
    return Scale(low - room, high + room, start, end)


def _polyline(spots: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in spots)
