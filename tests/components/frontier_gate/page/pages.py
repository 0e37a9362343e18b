"""Short ways to a page on made-up reports."""

from __future__ import annotations

import json
from typing import Any

from components.common.frontier.settings import GateDemands
from components.frontier_gate import page
from tests.components.frontier_gate.made_up import material_of, verdict_on
from tests.components.frontier_gate.page.outline import Node, read
from tests.made_up_runs import Run


def html_of(run: Run, settings: GateDemands | None = None, *changes: dict[str, Any], **whole: Any) -> str:
    """The page on a run; ``changes`` are of the verdict's devices, ``whole`` of the verdict."""
    settings = settings or GateDemands()
    verdict = verdict_on(run, settings)
    devices = [
        device.model_copy(update=changes[i] if i < len(changes) else {})
        for i, device in enumerate(verdict.devices)
    ]
    verdict = verdict.model_copy(update={"devices": devices, **whole})
    return page.render(material_of(run, verdict, settings), b"a picture", b"a heat map")


def page_of(run: Run, settings: GateDemands | None = None, *changes: dict[str, Any], **whole: Any) -> Node:
    return read(html_of(run, settings, *changes, **whole))


def data_of(outline: Node) -> dict[str, Any]:
    (text,) = outline.by_id("data").children
    found: dict[str, Any] = json.loads(str(text))
    return found


def points_of(run: Run, **changes: Any) -> list[Any]:
    return [point.model_copy(update=changes) for point in verdict_on(run).devices[0].points]


def change(run: Run, **changes: Any) -> Run:
    """The run with another report of its first device."""
    run.latencies[0] = run.latencies[0].model_copy(update=changes)
    return run


def rows(outline: Node, table: str) -> list[str]:
    (body,) = outline.by_id(table).all("tbody")
    return [row.text for row in body.all("tr")]
