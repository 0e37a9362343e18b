"""Writes a comparison in all its forms."""

from __future__ import annotations

from pathlib import Path

from components.noss_comparison import heat_map, page
from components.noss_comparison.csv_table import as_csv
from components.noss_comparison.markdown_table import as_markdown
from schemas.comparison_reports import NossComparison


def write_comparison(comparison: NossComparison, folder: str | Path) -> None:
    """Writes ``comparison.json``, ``table.md``, ``table.csv``, ``table.html`` and ``heat_map.png``."""
    folder = Path(folder)
    comparison.save(folder)
    picture = heat_map.render(comparison)
    (folder / NossComparison.HEAT_MAP).write_bytes(picture)
    table = folder / NossComparison.TABLE
    table.with_suffix(".md").write_text(as_markdown(comparison), encoding="utf-8")
    # As it was made: a line that is broken within a cell must stay as it is.
    table.with_suffix(".csv").write_bytes(as_csv(comparison).encode())
    table.with_suffix(".html").write_text(page.render(comparison, picture), encoding="utf-8")
