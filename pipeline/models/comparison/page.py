"""Two runs side by side as one HTML page that needs no other file."""

from __future__ import annotations

import os
from pathlib import Path

from components.common.reporting.templates import environment
from pipeline.models.comparison.compare import RunComparison, costs_of
from schemas.verdicts import Verdict

_TEMPLATES = Path(__file__).parent / "templates"


def render(comparison: RunComparison, place: Path) -> str:
    """The page's HTML.

    Args:
      comparison: Of two runs.
      place: Where the page will lie: links to the runs' own pages are relative to it.
    """
    pages = environment(
        _TEMPLATES,
        {
            "score": lambda value: f"{value:.3f}",
            "ms": lambda value: f"{value:#.3g}" if value < 100 else f"{value:.0f}",
            "mebibytes": lambda size: f"{size / 2**20:.2f}",
        },
    )
    sides = (comparison.left, comparison.right)
    reports = {side.letter: side.folder / "report" / Verdict.PAGE for side in sides}
    return pages.get_template("comparison.html.j2").render(
        one=comparison,
        sides=sides,
        costs_of=costs_of,
        links={
            letter: os.path.relpath(page, place.resolve().parent)
            for letter, page in reports.items()
            if page.is_file()
        },
    )
