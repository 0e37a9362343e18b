"""Links between the pages of a report, which components make that know nothing of each other.

A page is written where its maker is, and stays whole without the others. Where they are put side by side each
gets a line that leads to those that are there, at its top; the same call again replaces the line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

_BEGIN, _END = "<!-- pages -->", "<!-- end of pages -->"
_LINE = re.compile(f"{_BEGIN}.*?{_END}\\n?", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>\n?")
_STYLE = (
    "display:flex;flex-wrap:wrap;gap:2px 16px;max-width:none;margin:0;padding:8px 16px;"
    "font:14px/1.5 system-ui,-apple-system,sans-serif"
)


def link_pages(folder: Path, pages: Mapping[str, str]) -> list[Path]:
    """Lets each page of a report lead to the others.

    Args:
      folder: Of the report.
      pages: Names of files below it, with what each is called; those that are not there are left out.

    Returns:
      The pages that are there.
    """
    there = {name: title for name, title in pages.items() if (folder / name).is_file()}
    for name in there:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        alone = _LINE.sub("", text)
        body = _BODY.search(alone)
        at = body.end() if body else 0
        linked = alone[:at] + _line(name, there) + alone[at:] if body else alone
        if linked != text:
            path.write_text(linked, encoding="utf-8")
    return [folder / name for name in there]


def _line(own: str, there: Mapping[str, str]) -> str:
    """The links as one page sees them; its own name stands among them without a link."""
    if len(there) < 2:
        return ""
    folder = os.path.dirname(own) or "."
    words = []
    for name, title in there.items():
        # Pages choose their colours, dark ones too.
        link = f'<a href="{escape(os.path.relpath(name, folder))}" style="color:inherit">'
        words.append(f"<b>{escape(title)}</b>" if name == own else f"{link}{escape(title)}</a>")
    return (
        f'{_BEGIN}<div role="navigation" aria-label="Pages" style="{_STYLE}">{"".join(words)}</div>{_END}\n'
    )
