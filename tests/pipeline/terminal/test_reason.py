"""A failure is told by the code that knows what to change."""

from __future__ import annotations

import itertools

from components.common.modeling.teachers.base import TeacherError
from pipeline.terminal.reason import reason


def chained(*errors: Exception) -> Exception:
    """The first, caused by the second and so on."""
    for outer, inner in itertools.pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def test_our_words_stand_above_a_librarys() -> None:
    ours = TeacherError("the teacher X: set `batched: false`")
    assert reason(chained(RuntimeError("TFX"), ours, KeyError("inside"))) == str(ours)


def test_without_ours_it_is_the_innermost() -> None:
    assert reason(chained(RuntimeError("TFX"), ValueError("why"))) == "why"
    assert reason(ValueError()) == "ValueError"
