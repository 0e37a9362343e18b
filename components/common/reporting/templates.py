"""Templates of pages and documents, all read by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def environment(
    folder: Path, filters: Mapping[str, Callable[..., Any]], *, html: bool = True
) -> jinja2.Environment:
    """Reads the templates of a folder; a name that nothing is given for is an error.

    Args:
      folder: Of the templates.
      filters: Their own filters.
      html: Whether they are pages, where all words are escaped; otherwise a template sees to that itself.
    """
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )
    made.filters |= dict(filters)
    return made
