"""The verdict as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.frontier.answer import Answer, answers, best_first
from components.common.reporting.templates import environment
from components.frontier_gate.page import curves, effects_chart, scatter, search_chart, standing
from components.frontier_gate.page.data import page_data, to_script
from components.frontier_gate.page.layer_names import plain_layer, plain_operator
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.operators import Profile, profiles
from components.frontier_gate.page.rows import noisy_variants, task_rows
from components.frontier_gate.panel import PANEL_TITLES, latency_label
from schemas.comparison_reports import NossComparison
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.plain_text import plain_data
from schemas.verdicts import DeviceVerdict, FrontierPoint, ReferenceQuality, RegisteredPoint, Verdict

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "page.html.j2"
# One script, in this order.
SCRIPTS = ("helpers.js", "tables.js", "tip.js", "charts.js", "links.js")


@dataclass(frozen=True)
class DeviceView:
    """One device's part of the page."""

    verdict: DeviceVerdict
    latency: LatencyReport | None
    charts: list[scatter.Scatter]
    standing: list[FrontierPoint]
    measured: dict[str, LatencyMeasurement]
    operator_kinds: list[str]
    profiles: list[Profile]
    effects: list[effects_chart.EffectsChart]
    choices: list[FrontierPoint | ReferenceQuality]
    shipped: list[str]

    @property
    def beaten(self) -> list[RegisteredPoint]:
        """Registered versions that a point now beats."""
        return [point for point in self.verdict.registered if point.beaten_by]

    @property
    def shown(self) -> int:
        """How many files stand among the choices."""
        return sum(isinstance(one, FrontierPoint) for one in self.choices)

    @property
    def invalid(self) -> list[LatencyMeasurement]:
        """Measurements that may decide nothing."""
        return [measurement for measurement in self.measured.values() if not measurement.valid]


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
    from markupsafe import Markup

    verdict = material.verdict
    found = answers(verdict)
    devices = [_device(material, device, found) for device in verdict.devices]
    data = page_data(material, {view.verdict.device: view.charts for view in devices})
    specs = [(report.candidate_id, report.spec.levels(report.front_end)) for report in material.converted]
    return _template().render(
        verdict=verdict,
        devices=devices,
        answers=found,
        tests=material.teacher.tasks,
        task_rows=task_rows(material),
        searching=search_chart.search_chart(verdict.search) if verdict.search else None,
        search_frame=search_chart,
        untaught=[student for student in material.students if student.learnt_nothing],
        curves=curves.curves(material.students),
        settings=material.settings,
        protocol=material.noss[0].protocol if material.noss else "",
        noisy=noisy_variants(material.converted, material.comparison),
        comparison=material.comparison,
        benchmark=Verdict.BENCHMARK,
        links=Verdict.LINKS,
        kinds=PANEL_TITLES,
        frame=scatter,
        small=curves,
        forest=effects_chart,
        standing=standing,
        parameters=list({name: None for _, spec in specs for name in spec}),
        specs=specs,
        configuration=_pretty(material.configuration),
        gate_settings=json.dumps(material.settings.model_dump(mode="json"), indent=1),
        picture=base64.b64encode(picture).decode("ascii"),
        heat_map=base64.b64encode(heat_map).decode("ascii"),
        data=Markup(to_script(plain_data(data))),
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup("\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)),
    )


@cache
def _template() -> jinja2.Template:
    return environment(TEMPLATES, FILTERS).get_template(TEMPLATE)


def _device(material: Material, verdict: DeviceVerdict, told: Sequence[Answer]) -> DeviceView:
    latency = material.latency_of(verdict.device)
    statistics = sorted({one.statistic for one in latency.measurements}) if latency else []
    label = latency_label(verdict.machine, " or ".join(statistics) or "median")
    charts = [scatter.scatter(material, verdict, kind, label) for kind in PANEL_TITLES]
    measured = {one.key: one for one in latency.measurements} if latency else {}
    points = standing.standing_points(verdict)
    kinds, found = profiles([measured[p.point_id] for p in points if p.point_id in measured])
    return DeviceView(
        verdict=verdict,
        latency=latency,
        charts=[chart for chart in charts if chart],
        standing=points,
        measured=measured,
        operator_kinds=kinds,
        profiles=found,
        effects=effects_chart.effects_charts(verdict.effects),
        choices=best_first(material.verdict, standing.choices(verdict)),
        shipped=[one.point.point_id for one in told if one.point and one.device == verdict.device],
    )


def _pretty(configuration: str) -> str:
    if not configuration:
        return ""
    loaded: Any = json.loads(configuration)
    return json.dumps(loaded, indent=1)


def _ms(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:#.3g}" if abs(value) < 100 else f"{value:.0f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


FILTERS: dict[str, Callable[..., str]] = {
    "layer": plain_layer,
    "operator": plain_operator,
    "mebibytes": lambda size: f"{size / 2**20:.2f}",
    "share": lambda value: f"{value:.1%}",
    "accuracy": lambda value: f"{value:.3f}",
    "difference": lambda value: f"{value:+.3f}",
    "figure": lambda value: "none" if value is None else f"{value:.4g}",
    "short": lambda value: "none" if value is None else f"{value:.3g}",
    "plural": lambda count, noun: f"{count:,} {noun}{'' if count == 1 else 's'}",
    "ms": _ms,
    "ratio": _ratio,
}
