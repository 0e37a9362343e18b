"""Words of others, made harmless where they are printed: terminals, CSV, notices, pages.

A label, a reason for a promotion, a tag that somebody set in MLflow or an error of a server may hold what a
terminal obeys (escape sequences), what forges a line (line breaks), what shows text in another order than it
has (bidirectional overrides), or what a spreadsheet runs (formulas). It is shown, not obeyed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

_Cell = TypeVar("_Cell")

# Control, format, surrogate; line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Joiners, which words of Persian and of Indian scripts need, and which order nothing anew.
_JOINERS = frozenset("\u200c\u200d")
# The full-width ones too: some spreadsheets take them for the same.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def plain(text: str) -> str:
    r"""A text on one line: what cannot be seen is written as an escape, as in ``\x1b`` or ``\u202e``."""
    return "".join(map(_seen, text)) if not text.isascii() or not text.isprintable() else text


def plain_lines(text: str) -> str:
    """The same of a message of several lines: its own line breaks stay."""
    return "\n".join(map(plain, text.split("\n")))


def plain_data(value: Any) -> Any:
    """The same of all texts in what JSON can hold, keys among them, as for a script of a page."""
    if isinstance(value, str):
        return plain_lines(value)
    if isinstance(value, Mapping):
        return {plain_data(key): plain_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(one) for one in value]
    return value


def csv_cell(value: _Cell) -> _Cell | str:
    """A cell of a CSV file: a text is plain, and no spreadsheet takes it for a formula.

    Args:
      value: Numbers stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _seen(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")
