"""Tables whose names stay whole, on a terminal, on a narrow one, and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.terminal.words import counted, print_table

NAME = "tiny-w0.5-gap-e1024-sparse0.6-stat-warm/core-float32"
ROWS = [(NAME, "0.712", "no: worse on [wind]"), ("b", "1,200", "yes")]


def shown(width: int, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    print_table(console, ("point", "ms", "pushed"), ROWS, "the [frontier]", words=(0, 2))
    return out.getvalue()


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_pipe_gets_plain_columns_however_wide(width: int) -> None:
    title, heading, first, second = shown(width, False).splitlines()
    assert title == "the [frontier]"
    assert heading.split() == ["point", "ms", "pushed"]
    assert first == f"{NAME}  0.712  no: worse on [wind]"
    assert second == f"{'b':{len(NAME)}}  1,200  yes"


def test_a_terminal_with_room_gets_lines() -> None:
    text = shown(120, True)
    assert "│" in text and NAME in text and "the [frontier]" in text


def test_a_narrow_terminal_gets_a_paragraph_a_row() -> None:
    lines = shown(60, True).splitlines()
    assert "│" not in "".join(lines)
    assert lines[1:3] == [NAME, "  ms 0.712, pushed no: worse on [wind]"]


def test_one_is_not_many() -> None:
    assert [counted(number, "clip") for number in (0, 1, 1200)] == ["0 clips", "1 clip", "1,200 clips"]
