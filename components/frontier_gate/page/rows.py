"""Rows of the page's tables about tasks and quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.frontier_gate.page.material import Material
from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.noss_reports import NossModelResult, TaskResult
from schemas.tflite_reports import LayerNoise, TfliteReport, TfliteVariant

NOISIEST = 3


@dataclass(frozen=True)
class TaskCell:
    """One model on one task; ``below`` names the baselines and reference models that do better."""

    result: TaskResult | None
    below: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TaskRow:
    """One model on all tasks."""

    model: str
    kind: str
    variant: str
    mean: float
    low: float
    high: float
    mean_below: list[str]
    cells: list[TaskCell]


@dataclass(frozen=True)
class NoisyVariant:
    """A quantised network, its noisiest layers first, and what it scores beside its float file."""

    candidate_id: str
    variant: TfliteVariant
    layers: list[LayerNoise]
    against_float: PairedDifference | None

    @property
    def point_id(self) -> str:
        """``<candidate id>/<variant>``."""
        return f"{self.candidate_id}/{self.variant.name}"


def noisy_variants(converted: Sequence[TfliteReport], comparison: NossComparison) -> list[NoisyVariant]:
    """The quantised networks; of two files with the same one, with and without front end, the first."""
    losses = {difference.model: difference for difference in comparison.against_float}
    found: dict[tuple[str, str], NoisyVariant] = {}
    for report in converted:
        for variant in report.variants:
            layers = sorted(variant.layers, key=lambda layer: layer.snr_db)[:NOISIEST]
            if layers:
                loss = losses.get(f"{report.candidate_id}/{variant.name}")
                network = (report.candidate_id, variant.precision)
                found.setdefault(network, NoisyVariant(report.candidate_id, variant, layers, loss))
    return list(found.values())


def task_rows(material: Material) -> list[TaskRow]:
    """Baselines and references, teacher, then each candidate by its best variant; best candidate first."""
    tasks = [task.task for task in material.teacher.tasks]
    best: dict[str, NossModelResult] = {}
    points = {
        (point.candidate_id, point.variant) for device in material.verdict.devices for point in device.points
    }
    for report in material.noss:
        for result in report.results:
            known = best.get(result.model)
            if (result.model, result.variant) in points and (known is None or result.mean > known.mean):
                best[result.model] = result
    students = sorted(best.values(), key=lambda result: -result.mean)
    return [
        _task_row(result, tasks, material.baselines)
        for result in (*material.baselines, material.teacher, *students)
    ]


def _task_row(result: NossModelResult, tasks: Sequence[str], baselines: Sequence[NossModelResult]) -> TaskRow:
    found = {task.task: task for task in result.tasks}
    floors = [] if result.kind in ("baseline", "reference") else baselines
    return TaskRow(
        model=result.model,
        kind=result.kind,
        variant=result.variant,
        mean=result.mean,
        low=result.mean_low,
        high=result.mean_high,
        mean_below=[baseline.model for baseline in floors if result.mean < baseline.mean],
        cells=[TaskCell(found.get(task), _better(floors, task, found)) for task in tasks],
    )


def _better(baselines: Sequence[NossModelResult], task: str, found: dict[str, TaskResult]) -> list[str]:
    """The baselines that are better on a task."""
    if task not in found:
        return []
    return [
        baseline.model
        for baseline in baselines
        for floor in baseline.tasks
        if floor.task == task and found[task].score < floor.score
    ]
