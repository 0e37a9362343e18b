"""Card and example of a pushed model, made from its description alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.reporting.markdown import plain
from components.common.reporting.templates import environment
from components.frontier_pusher.card.facts import facts, hours
from schemas.noss_tasks import SMALLER_IS_BETTER, Metric
from schemas.push_reports import ModelDescription
from schemas.secrets import without_folders

if TYPE_CHECKING:
    pass

TEMPLATES = Path(__file__).parent / "templates"
CARD_TEMPLATE = "card.md.j2"
EXAMPLE_TEMPLATE = "example.py.j2"
STREAM_EXAMPLE_TEMPLATE = "stream_example.py.j2"
# What the code on the card is written for, and tested with.
LITERT = "2.3.0"


def write_card(description: ModelDescription) -> str:
    """The model card (Markdown): what the file is for, what is known of it, and how to use it.

    Args:
      description: Of a pushed file.

    Raises:
      ValueError: If an input or output is not float32.
    """
    return _render(CARD_TEMPLATE, description)


def write_example(description: ModelDescription) -> str:
    """A Python program that embeds wav files with the model beside it, of a stream file the microphone too.

    It needs numpy and LiteRT; that of a stream file also ``streaming.py`` beside it.

    Args:
      description: Of a pushed file.

    Raises:
      ValueError: If an input or output is not float32.
    """
    template = STREAM_EXAMPLE_TEMPLATE if description.input == "stream" else EXAMPLE_TEMPLATE
    return _render(template, description)


def _render(template: str, description: ModelDescription) -> str:
    # Markdown and code: words of others pass the filter 'words'.
    documents = environment(TEMPLATES, FILTERS, html=False)
    return documents.get_template(template).render(litert=LITERT, **facts(description))


def _figure(value: float | None) -> str:
    if value is None:
        return "not told"
    return f"{value:#.3g}" if abs(value) < 100 else f"{value:.0f}"


def _metric(name: Metric) -> str:
    return name.replace("_", " ") + (" (lower is better)" if name in SMALLER_IS_BETTER else "")


FILTERS: dict[str, Callable[[Any], str]] = {
    "words": lambda text: plain(without_folders(str(text))),
    "mebibytes": lambda size: f"{size / 2**20:.2f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "score": lambda value: f"{value:.3f}",
    "signed": lambda value: f"{value:+.3f}",
    "number": lambda value: f"{value:g}",
    "figure": _figure,
    "hours": hours,
    "metric": _metric,
}
