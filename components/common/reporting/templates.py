"""Templates of pages and documents, all read by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.plain_text import plain_lines

if TYPE_CHECKING:
    import jinja2


def environment(
    folder: Path, filters: Mapping[str, Callable[..., Any]], *, html: bool = True
) -> jinja2.Environment:
    """Reads the templates of a folder; a name that nothing is given for is an error.

    Args:
      folder: Of the templates.
      filters: Their own filters.
      html: Whether they are pages, where all words are escaped and what cannot be seen, or shows words in
        another order than they have, is written out; otherwise a template sees to that itself.
    """
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=html,
        finalize=_seen if html else None,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )
    made.filters |= dict(filters)
    return made


def _seen(value: Any) -> Any:
    """What is put into a page, words of it that were joined or escaped before too."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        # Styles and scripts of our own may be indented by tabs.
        return Markup("\t".join(map(plain_lines, str(value).split("\t"))))
    return plain_lines(value) if isinstance(value, str) else value
