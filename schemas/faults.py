"""What a figure cannot be, whoever reports it: the words in which reports are told that they are wrong.

A component writes what it found, also a figure that is not finite; the gate asks the modules ``*_faults``
beside this one what is wrong with it, and refuses by name. So a faulty report never stops a run, and never
decides anything either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from pydantic import ValidationError

from schemas.settings import Report

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Digests of tasks and clips are cut to 16 digits.
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_NAMED = 3

# Sums and means of figures that were rounded on their way through JSON.
ROUNDING = 1e-6

Figures = Mapping[str, float | None]
"""Figures by name; None: not reported."""


def malformed(report: Report) -> list[str]:
    """What of a report has another type than its schema says; empty if nothing has."""
    try:
        type(report).model_validate(report.model_dump(warnings=False), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        named = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in faults[:_NAMED]]
        return [f"does not follow its schema: {'; '.join(named)}"]
    except (ValueError, TypeError, AttributeError) as error:
        return [f"does not follow its schema: {error}"]
    return []


def not_finite(figures: Figures) -> list[str]:
    """Names those that are no finite numbers."""
    return _told("not a finite number", ((n, v) for n, v in _there(figures) if not math.isfinite(v)))


def not_above_zero(figures: Figures) -> list[str]:
    """Names those that are zero or less."""
    return _told("not above zero", ((name, value) for name, value in _there(figures) if not value > 0))


def below_zero(figures: Figures) -> list[str]:
    """Names those that are less than zero."""
    return _told("below zero", ((name, value) for name, value in _there(figures) if not value >= 0))


def no_shares(figures: Figures, least: float = 0.0) -> list[str]:
    """Names those that do not lie between ``least`` and 1."""
    low, high = least - ROUNDING, 1 + ROUNDING
    return _told(f"not between {least:g} and 1", ((n, v) for n, v in _there(figures) if not low <= v <= high))


def not_rising(figures: Figures) -> list[str]:
    """Names neighbours of which the later one is less, among those that are told."""
    told = list(_there(figures))
    return [
        f"{later} {value:.6g} is below {earlier} {least:.6g}"
        for (earlier, least), (later, value) in pairwise(told)
        if not value >= least * (1 - ROUNDING)
    ]


def outside(name: str, value: float, low: float, high: float) -> list[str]:
    """Says that a value does not lie in its interval."""
    slack = ROUNDING * max(abs(low), abs(high), ROUNDING)
    return (
        []
        if low - slack <= value <= high + slack
        else [f"{name} {value} outside its interval {low} to {high}"]
    )


def differs(name: str, value: float, expected: float, of: str) -> list[str]:
    """Says that a figure is not what others of the same report come to."""
    if abs(value - expected) <= ROUNDING * max(1.0, abs(expected)):
        return []
    return [f"{name} is {value:.6g}, but {of} {expected:.6g}"]


def no_sha256(name: str, value: str) -> list[str]:
    """Says that a text is not a sha256."""
    return [] if _SHA256.fullmatch(value) else [f"{name} {value!r} is not a sha256 (64 hexadecimal digits)"]


def no_digest(name: str, value: str) -> list[str]:
    """Says that a text is not a digest."""
    return (
        []
        if _DIGEST.fullmatch(value)
        else [f"{name} {value!r} is not a digest (16 to 64 hexadecimal digits)"]
    )


def _there(figures: Figures) -> Iterable[tuple[str, float]]:
    return ((name, value) for name, value in figures.items() if value is not None)


def _told(words: str, wrong: Iterable[tuple[str, float]]) -> list[str]:
    named = ", ".join(f"{name} = {value}" for name, value in wrong)
    return [f"{words}: {named}"] if named else []
