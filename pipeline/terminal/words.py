"""Numbers and tables as the terminal shows them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.plain_text import plain

_GAP = "  "


def counted(number: int, noun: str) -> str:
    """As in '1 clip' and '1,200 clips'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_table(
    console: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    words: Collection[int] = (0,),
) -> None:
    """Prints a table whose cells stay whole, so that a name can be copied and a program can read it.

    A terminal with room gets lines around the cells, a pipe or a file plain columns, however wide. A terminal
    that is too narrow gets each row as a paragraph: its first cell, then the others with their headings.

    Args:
      console: Where to.
      headings: One a column.
      rows: Cells; what a terminal would obey in them is shown instead, and markup is none.
      title: Above it.
      words: Places of the columns that hold words; the others hold figures.
    """
    title, headings = plain(title), [plain(heading) for heading in headings]
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    if not console.is_terminal:
        lines = [title] if title else []
        for line in lines + [_columns(cells, widths, words) for cells in (headings, *rows)]:
            _print(console, line)
    elif sum(widths) + 3 * len(widths) + 1 <= console.width:
        table = Table(title=Text(title) if title else None, title_justify="left")
        for column, heading in enumerate(headings):
            table.add_column(Text(heading), justify="left" if column in words else "right", no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        if title:
            _print(console, title)
        for first, *others in rows:
            _print(console, first)
            told = zip(headings[1:], others, strict=True)
            console.print(
                Text("  " + ", ".join(f"{heading} {cell}".strip() for heading, cell in told if cell))
            )


def _columns(cells: Sequence[str], widths: Sequence[int], words: Collection[int]) -> str:
    padded = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell_len(cell))
        padded.append(cell + space if column in words else space + cell)
    return _GAP.join(padded).rstrip()


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
