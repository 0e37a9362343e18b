"""What a terminal, a spreadsheet or a reader's eye would obey is shown instead."""

from __future__ import annotations

import pytest

from schemas.plain_text import csv_cell, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("better at emotion: é, 声, 🙂", "better at emotion: é, 声, 🙂"),
        # Joiners: an emoji of two, and a Persian word.
        ("👩\u200d💻 \u06cc\u200c\u062e", "👩\u200d💻 \u06cc\u200c\u062e"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("title\x1b]0;x\x07", r"title\x1b]0;x\x07"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("C1: \x9b31m \x85", r"C1: \x9b31m \x85"),
        ("\u202eevil\u202c \u2066x\u2069", r"\u202eevil\u202c \u2066x\u2069"),
        ("\u200e\u200f\u061c\u200b\ufeff\u00ad", r"\u200e\u200f\u061c\u200b\ufeff\xad"),
        ("\u2028\u2029\x00\x7f", r"\u2028\u2029\x00\x7f"),
        # What is not a character at all cannot even be printed.
        ("\ud800 \U000e0041", r"\ud800 \U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_written_as_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown
    plain(text).encode()


def test_line_breaks_of_a_message_stay() -> None:
    assert plain_lines("not promoted:\n  files: \x1b[2Jgone\r\u2028") == "not promoted:\n  files: " + (
        r"\x1b[2Jgone\r\u2028"
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-abc", "'-abc"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        # The tab is an escape now, which is not a formula.
        ("\t=1", r"\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=b\x1b", r"a=b\x1b"),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_no_spreadsheet_takes_a_cell_for_a_formula(value: object, cell: object) -> None:
    assert csv_cell(value) == cell
