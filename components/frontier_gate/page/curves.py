"""Geometry of the training curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.page.chart_scale import ChartScale
from schemas.student_reports import StudentInfo
from schemas.training_reports import EpochMetrics

WIDTH, HEIGHT, EDGE = 220.0, 110.0, 6.0
# More spots than pixels that one can tell apart only make the page heavy.
MOST_SPOTS = 60


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
    steps: int
    total_steps: int
    explained: float


def curves(students: Sequence[StudentInfo]) -> list[Curve]:
    """Training curves, all on one scale so that they can be compared."""
    students = [student for student in students if student.epochs and not student.failure]
    losses = [
        value
        for student in students
        for epoch in student.epochs
        for value in (epoch.loss, epoch.validation_loss)
        if math.isfinite(value)
    ]
    if not losses:
        return []
    longest = max(len(student.epochs) for student in students)
    return [
        _curve(student, ChartScale(0.0, max(longest - 1.0, 1.0)), ChartScale.over(losses))
        for student in students
    ]


def _curve(student: StudentInfo, x: ChartScale, y: ChartScale) -> Curve:
    epochs = student.epochs
    starts = [0, *(i for i in range(1, len(epochs)) if epochs[i].phase != epochs[i - 1].phase)]
    best = next((i for i, e in enumerate(epochs) if e.epoch == student.best_epoch), len(epochs) - 1)
    validation = epochs[best].validation_loss
    return Curve(
        candidate_id=student.candidate_id,
        loss=_polyline(epochs, "loss", x, y),
        validation=_polyline(epochs, "validation_loss", x, y),
        best_x=_across(x, best),
        best_y=_up(y, validation) if math.isfinite(validation) else 0.0,
        phases=[(_across(x, start), epochs[start].phase) for start in starts],
        epochs=len(epochs),
        best_epoch=student.best_epoch,
        best_validation=validation,
        steps=student.steps,
        total_steps=student.total_steps,
        explained=student.target_variance_explained,
    )


def _polyline(epochs: Sequence[EpochMetrics], name: str, x: ChartScale, y: ChartScale) -> str:
    step = math.ceil(len(epochs) / MOST_SPOTS)
    spots = [(i, float(getattr(epoch, name))) for i, epoch in enumerate(epochs) if i % step == 0]
    return " ".join(f"{_across(x, i):g},{_up(y, value):g}" for i, value in spots if math.isfinite(value))


def _across(x: ChartScale, index: int) -> float:
    return x.place(index, EDGE, WIDTH - EDGE)


def _up(y: ChartScale, value: float) -> float:
    return y.place(value, HEIGHT - EDGE, EDGE)
