"""Values in messages: one line, and no longer than somebody reads."""

from __future__ import annotations

import reprlib

_LONGEST = 300

_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxstring = _REPR.maxother = _LONGEST
_REPR.maxlist = _REPR.maxdict = _REPR.maxtuple = _REPR.maxset = 30


def bounded(value: object) -> str:
    """A value as Python writes it, cut where it is too long or too deep to be read."""
    return bounded_text(_REPR.repr(value))


def bounded_text(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, its end cut off where it is longer than ``longest`` characters."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[:longest]}..."
