"""The ways of a run's versions as one self-contained HTML page, and one way as an SVG picture."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.reporting.templates import environment
from components.common.tracking.names import CANDIDATE_ALIAS, CHAMPION_ALIAS
from pipeline.models.lineage import drawing
from pipeline.models.lineage.cards import Card, seconds, way_of
from pipeline.models.lineage.stages import TITLES
from schemas.lineage import LineageGraph, LineageNode

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
_PAGE, _PICTURE = "page.html.j2", "graph.svg.j2"
_MOST_BUTTONS = 6
_LONGEST_VALUE = 30_000
_CONFIGURATION = "config_json"
_NUMBERED = re.compile(r"(.+)-(\d+)")


@dataclass(frozen=True)
class Detail:
    """What is shown of a card that is clicked.

    Attributes:
      id: Of its element.
      nodes: What the card stands for.
    """

    id: str
    card: Card

    @property
    def step(self) -> LineageNode | None:
        """The step that made it."""
        return next((node for node in self.card.nodes if node.kind == "execution"), None)

    @property
    def artifacts(self) -> list[LineageNode]:
        """What is in ML Metadata of it, but the step."""
        return [node for node in self.card.nodes if node.kind == "artifact"]


def render_page(graph: LineageGraph, focuses: Sequence[str]) -> str:
    """The page's HTML.

    Args:
      graph: All of it.
      focuses: Ids of the versions or files whose ways are shown, the first one first; none: the page has
        the list of steps only.
    """
    from markupsafe import Markup

    drawings = [drawing.draw(way_of(graph, focus)) for focus in focuses]
    details: dict[str, Detail] = {}
    for one in drawings:
        for place in one.places:
            if place.card.nodes:
                details.setdefault(place.card.id, Detail(f"d{len(details)}", place.card))
    return _template(_PAGE).render(
        graph=graph,
        drawings=drawings,
        stations=list(details.values()),
        details={name: detail.id for name, detail in details.items()},
        buttons=len(drawings) <= _MOST_BUTTONS,
        steps=_steps(graph),
        configuration=_configuration(graph),
        titles=TITLES,
        seconds=seconds,
        frame=drawing,
        style="",
        page_style=Markup(_text("graph.css") + _text("page.css")),
        script=Markup(_text("page.js")),
    )


def render_picture(graph: LineageGraph, focus: str) -> str:
    """One way as an SVG picture that needs no other file.

    Args:
      graph: All of it.
      focus: Id of the version or file.
    """
    from markupsafe import Markup

    return _template(_PICTURE).render(
        drawing=drawing.draw(way_of(graph, focus)),
        frame=drawing,
        index=0,
        details={},
        style=Markup(_text("graph.css")),
    )


def focuses_of(graph: LineageGraph) -> list[str]:
    """What is worth a look when nothing is asked for: versions; else what is blessed; else the best file."""
    versions = sorted(graph.of_kind("version"), key=_importance)
    if versions:
        return [node.id for node in versions]
    decisions = [node for node in graph.of_kind("part") if node.id.startswith("decision:")]
    blessed = [node for node in decisions if node.facts.get("decision") == "blessed"]
    points = dict.fromkeys(node.point for node in blessed or decisions[:1])
    return [node.id for node in graph.of_kind("part") if node.stage == "file" and node.point in points]


def _importance(node: LineageNode) -> tuple[int, str, int, int]:
    """What the run recommends, then a champion, then the run's others in their order, then the newest.

    A run points an alias at the file to ship and the same alias with a number at each that was blessed.
    """
    name, _, version = node.id.removeprefix("version:").rpartition("/")
    aliases = [alias for alias in node.facts.get("aliases", "none").split(", ") if alias != "none"]
    numbers = {found[1]: int(found[2]) for alias in aliases if (found := _NUMBERED.fullmatch(alias))}
    if any(alias in aliases for alias in numbers) or CANDIDATE_ALIAS in aliases:
        rank = 0
    elif CHAMPION_ALIAS in aliases:
        rank = 1
    else:
        rank = 2 if aliases else 3
    return rank, name, min(numbers.values(), default=0), -int(version)


def _steps(graph: LineageGraph) -> dict[str, list[LineageNode]]:
    """The steps by part of the way."""
    found: dict[str, list[LineageNode]] = {stage: [] for stage in TITLES}
    for node in graph.of_kind("execution"):
        found[node.stage].append(node)
    return {stage: nodes for stage, nodes in found.items() if nodes}


def _configuration(graph: LineageGraph) -> str:
    """What the run was asked for; empty if its gate was never reached."""
    found = (node.parameters.get(_CONFIGURATION, "") for node in graph.of_kind("execution"))
    return next(filter(None, found), "")


@cache
def _template(name: str) -> jinja2.Template:
    pages = environment(TEMPLATES, {"took": _took, "moment": _moment, "pretty": _pretty})
    return pages.get_template(name)


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _took(duration: float | None) -> str:
    if duration is None:
        return "did not end"
    if duration < 120:
        return f"{duration:.0f} s"
    return f"{duration / 60:.0f} min" if duration < 7200 else f"{duration / 3600:.1f} h"


def _moment(text: str) -> str:
    """As in '2026-11-21 21:16'."""
    return text[:16].replace("T", " ")


def _pretty(value: str) -> str:
    """JSON with its lines apart, anything else as it is; not too long."""
    try:
        parsed: Any = json.loads(value)
    except json.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict | list):
        value = json.dumps(parsed, indent=1, ensure_ascii=False)
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]} … ({len(value)} characters)"
