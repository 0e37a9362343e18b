"""The verdict as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.frontier_gate import chart
from components.frontier_gate.judge import INPUT_KINDS
from components.frontier_gate.picture import PANEL_TITLES, latency_label
from components.frontier_gate.settings import GateSettings
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossComparison, NossModelResult, NossReport, TaskResult
from schemas.reports import LayerNoise, StudentInfo, TfliteReport, TfliteVariant
from schemas.verdicts import Verdict

TEMPLATE = "page.html.j2"
NOISIEST = 3


@dataclass(frozen=True)
class Material:
    """What the page tells of."""

    verdict: Verdict
    converted: Sequence[TfliteReport]
    noss: Sequence[NossReport]
    latency: LatencyReport
    teacher: NossModelResult
    baselines: Sequence[NossModelResult]
    students: Sequence[StudentInfo]
    comparison: NossComparison
    settings: GateSettings
    configuration: str = ""


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
    """A quantised network and its noisiest layers, the noisiest first."""

    candidate_id: str
    variant: TfliteVariant
    layers: list[LayerNoise]

    @property
    def point_id(self) -> str:
        """``<candidate id>/<variant>``."""
        return f"{self.candidate_id}/{self.variant.name}"


def write(material: Material, folder: str | Path) -> Path:
    """Writes ``index.html`` into ``folder``, where ``frontier.png`` and the benchmark's pages already are."""
    folder = Path(folder)
    picture = (folder / Verdict.PICTURE).read_bytes()
    heat_map = (folder / Verdict.BENCHMARK / NossComparison.HEAT_MAP).read_bytes()
    path = folder / Verdict.PAGE
    path.write_text(render(material, picture, heat_map), encoding="utf-8")
    return path


def render(material: Material, picture: bytes, heat_map: bytes) -> str:
    """The page's HTML.

    Args:
      material: What it tells of.
      picture: ``frontier.png``, embedded so that the page can be read without other files.
      heat_map: The benchmark's ``heat_map.png``, embedded too.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "mebibytes": _mebibytes,
        "share": _share,
        "accuracy": _accuracy,
        "difference": _difference,
        "ms": _ms,
    }
    verdict = material.verdict
    charts = [found for kind in INPUT_KINDS if (found := chart.scatter(verdict, kind))]
    return environment.get_template(TEMPLATE).render(
        verdict=verdict,
        frontier=[point for point in verdict.points if point.on_frontier or point.blessed],
        measured=_measurements(material.latency),
        latency=material.latency,
        latency_label=latency_label(verdict.machine),
        charts=charts,
        chart=chart,
        panel_titles=PANEL_TITLES,
        tasks=[task.task for task in material.teacher.tasks],
        test_clips={task.task: task.n_test for task in material.teacher.tasks},
        metric_of={
            task.task: "" if task.metric == "accuracy" else f", {task.metric.replace('_', ' ')}"
            for task in material.teacher.tasks
        },
        task_rows=task_rows(material),
        curves=chart.curves(material.students),
        students=material.students,
        settings=material.settings,
        protocol=material.noss[0].protocol if material.noss else "",
        noisy=noisy_variants(material.converted),
        comparison=material.comparison,
        benchmark=Verdict.BENCHMARK,
        parameters=list({name: None for report in material.converted for name in report.spec.parameters()}),
        specs=[(report.candidate_id, report.spec.parameters()) for report in material.converted],
        configuration=_pretty(material.configuration),
        gate_settings=json.dumps(material.settings.model_dump(mode="json"), indent=1),
        picture=base64.b64encode(picture).decode("ascii"),
        heat_map=base64.b64encode(heat_map).decode("ascii"),
    )


def noisy_variants(converted: Sequence[TfliteReport]) -> list[NoisyVariant]:
    """The quantised networks; of two files with the same one, with and without front end, the first."""
    found: dict[tuple[str, str], NoisyVariant] = {}
    for report in converted:
        for variant in report.variants:
            layers = sorted(variant.layers, key=lambda layer: layer.snr_db)[:NOISIEST]
            if layers:
                network = (report.candidate_id, variant.precision)
                found.setdefault(network, NoisyVariant(report.candidate_id, variant, layers))
    return list(found.values())


def task_rows(material: Material) -> list[TaskRow]:
    """Baselines and references, teacher, then each candidate by its best variant; best candidate first."""
    tasks = [task.task for task in material.teacher.tasks]
    best: dict[str, NossModelResult] = {}
    points = {(point.candidate_id, point.variant) for point in material.verdict.points}
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


def _measurements(latency: LatencyReport) -> dict[str, LatencyMeasurement]:
    return {f"{measured.candidate_id}/{measured.variant}": measured for measured in latency.measurements}


def _pretty(configuration: str) -> str:
    if not configuration:
        return ""
    loaded: Any = json.loads(configuration)
    return json.dumps(loaded, indent=1)


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.2f}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _accuracy(value: float) -> str:
    return f"{value:.3f}"


def _difference(value: float) -> str:
    return f"{value:+.3f}"


def _ms(value: float) -> str:
    return f"{value:#.3g}" if value < 100 else f"{value:.0f}"
