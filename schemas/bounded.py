"""Values in messages: one line, no longer than somebody reads, and without secrets."""

from __future__ import annotations

import reprlib

from schemas.secrets import redact

_LONGEST = 300
# A secret is looked for before anything is cut off, but not in megabytes.
_SEARCHED = 1 << 16

_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxstring = _REPR.maxother = _LONGEST
_REPR.maxlist = _REPR.maxdict = _REPR.maxtuple = _REPR.maxset = 30


def bounded(value: object) -> str:
    """A value as Python writes it, cut where it is too long or too deep to be read."""
    if isinstance(value, str):
        return bounded_text(repr(redact(value[:_SEARCHED])))
    return bounded_text(_REPR.repr(value))


def bounded_text(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, its end cut off where it is longer than ``longest`` characters."""
    shown = redact(text[:_SEARCHED])
    line = " ".join(shown[: 4 * longest].split())
    return line if len(line) <= longest and len(shown) <= 4 * longest else f"{line[:longest]}..."
