"""Words in the terminal by rich: shown as they are, whatever they hold."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from schemas.plain_text import plain, plain_lines


def cell(text: str) -> str:
    """A text as a table takes it, on one line: neither rich's markup nor the terminal's codes are obeyed."""
    return escape(plain(text))


def cell_lines(text: str) -> str:
    """The same of a text of several lines."""
    return escape(plain_lines(text))


def tell(console: Console, text: str, style: str | None = None) -> None:
    """Prints a text of one or several lines, neither wrapped nor coloured."""
    console.print(plain_lines(text), style=style, markup=False, highlight=False, soft_wrap=True)
