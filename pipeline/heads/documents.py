"""Card and page of a classifier, made from its report alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.common.reporting.markdown import plain
from components.common.reporting.templates import environment
from schemas.head_reports import HeadReport
from schemas.noss_tasks import SMALLER_IS_BETTER
from schemas.secrets import without_folders

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS: dict[str, Callable[[Any], str]] = {
    "words": lambda text: plain(without_folders(str(text))),
    "score": lambda value: f"{value:.3f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "metric": lambda name: (
        name.replace("_", " ") + (" (less is better)" if name in SMALLER_IS_BETTER else "")
    ),
}


def write_card(report: HeadReport) -> str:
    """The classifier's card (Markdown)."""
    return environment(_TEMPLATES, _FILTERS, html=False).get_template("card.md.j2").render(head=report)


def write_page(report: HeadReport) -> str:
    """The classifier's page: one HTML file that needs no other."""
    return environment(_TEMPLATES, _FILTERS).get_template("page.html.j2").render(head=report)
