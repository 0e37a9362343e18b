"""Names of inputs that come once a candidate, as ``variants_007``: known without importing TFX."""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"(.+)_(\d{3,})")


def input_key(role: str, index: int) -> str:
    """Name of the input that carries ``role`` of candidate ``index``, as in ``model_007``."""
    return f"{role}_{index:03d}"


def role_of(name: str) -> str:
    """The role of an input: its name without a candidate's number."""
    match = _NUMBERED.fullmatch(name)
    return match[1] if match else name


def number_of(name: str) -> int | None:
    """The candidate's number in an input's name; None if it has none."""
    match = _NUMBERED.fullmatch(name)
    return int(match[2]) if match else None
