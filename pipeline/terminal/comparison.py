"""Two runs side by side in the terminal."""

from __future__ import annotations

from rich.console import Console

from pipeline.models.comparison.compare import Row, RunComparison
from pipeline.terminal.rich_text import tell
from pipeline.terminal.summary import print_answers
from pipeline.terminal.words import print_table
from schemas.plain_text import plain
from schemas.verdicts import FrontierPoint

_HEADINGS = ("best first", "NOSS A", "NOSS B", "B - A (95 %)", "ms A", "ms B", "MiB A", "MiB B")


def print_comparison(console: Console, comparison: RunComparison) -> None:
    """Prints each run's answer, then a table a device, then the settings that differ."""
    for side in (comparison.left, comparison.right):
        tell(console, plain(f"{side.letter}: {side.verdict.run_name}, {side.folder}"))
        if side.verdict.below_baseline:
            tell(console, plain(side.verdict.below_baseline), style="red")
        print_answers(console, side.verdict)
    for why in filter(None, [comparison.quality, *(one.latency for one in comparison.devices)]):
        tell(console, plain(why), style="yellow")
    for device in comparison.devices:
        print_table(console, _HEADINGS, [_cells(row) for row in device.rows], f"on {device.device}")
        for line in device.shipped:
            tell(console, plain(line))
    rows = [(key, left or "not set", right or "not set") for key, left, right in comparison.settings]
    if rows:
        print_table(console, ("setting", "A", "B"), rows, "settings that differ", words=(0, 1, 2))


def _cells(row: Row) -> tuple[str, ...]:
    sides = (row.left, row.right)
    files = [one if isinstance(one, FrontierPoint) else None for one in sides]
    return (
        f"{row.name} (the same file)" if row.same_file else row.name,
        *(f"{one.quality:.3f}" if one else "none" for one in sides),
        row.difference.in_words if row.difference else "",
        *(f"{one.latency_ms:.3f}" if one else "" for one in files),
        *(f"{one.bytes / 2**20:.2f}" if one else "" for one in files),
    )
