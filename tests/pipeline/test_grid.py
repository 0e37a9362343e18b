"""The sweep expands to exactly the candidates it names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.config_file import load_config
from pipeline.grid import StudentGrid
from schemas.students import StudentSpec


def test_frills_grid_is_144_students() -> None:
    candidates = load_config("frill144").students.expand()
    assert len(candidates) == 144
    assert len({candidate.candidate_id for candidate in candidates}) == 144
    # FRILL itself, the published one, is among them.
    assert StudentSpec(size="small", width=2.0, pooling="gap", embedding_width=2048) in candidates


def test_explicit_candidates_stand_beside_the_grid() -> None:
    grid = StudentGrid(sizes=("tiny",), widths=(0.5, 1.0), explicit=(StudentSpec(size="large"),))
    assert [candidate.size for candidate in grid.expand()] == ["tiny", "tiny", "large"]


def test_a_candidate_cannot_stand_there_twice() -> None:
    with pytest.raises(ValidationError, match=r"candidate tiny-w0.5-gap-e2048 is there twice"):
        StudentGrid(sizes=("tiny",), widths=(0.5,), explicit=(StudentSpec(size="tiny", width=0.5),))


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValidationError, match="no candidates: give sizes and widths"):
        StudentGrid()


def test_more_candidates_than_wanted_are_refused() -> None:
    with pytest.raises(ValidationError, match="2 candidates, but max_candidates is 1"):
        StudentGrid(sizes=("tiny",), widths=(0.5, 1.0), max_candidates=1)
