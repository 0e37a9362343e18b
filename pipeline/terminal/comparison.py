"""Two runs side by side in the terminal."""

from __future__ import annotations

from rich.console import Console

from pipeline.models.comparison.compare import DeviceComparison, Row, RunComparison, costs_of
from pipeline.terminal.rich_text import tell
from pipeline.terminal.summary import print_answers
from pipeline.terminal.words import print_table
from schemas.plain_text import plain

_HEADINGS = ("best first", "NOSS A", "NOSS B", "B - A (95 %)")
_DIGITS = {"MiB": ".2f"}


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
        figures = [f"{label} {letter}" for label in device.costs for letter in "AB"]
        rows = [_cells(row, device) for row in device.rows]
        print_table(console, (*_HEADINGS, *figures), rows, f"on {device.device}")
        for line in device.shipped:
            tell(console, plain(line))
    settings = [(key, left or "not set", right or "not set") for key, left, right in comparison.settings]
    if settings:
        print_table(console, ("setting", "A", "B"), settings, "settings that differ", words=(0, 1, 2))


def _cells(row: Row, device: DeviceComparison) -> tuple[str, ...]:
    sides = (row.left, row.right)
    files = [{} if one is None else costs_of(one) for one in sides]
    return (
        f"{row.name} (the same file)" if row.same_file else row.name,
        *(f"{one.quality:.3f}" if one else "none" for one in sides),
        row.difference.in_words if row.difference else "",
        *(
            f"{one[label]:{_DIGITS.get(label, '.3f')}}" if label in one else ""
            for label in device.costs
            for one in files
        ),
    )
