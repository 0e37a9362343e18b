"""The sweep expands to exactly the candidates it names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.configuration.config_file import load_config
from pipeline.configuration.grid import StudentGrid
from tests.students import mobilenet


def test_frills_grid_is_144_students() -> None:
    candidates = load_config("frill144").students.expand()
    assert len(candidates) == 144
    assert len({candidate.candidate_id for candidate in candidates}) == 144
    # FRILL itself, the published one, is among them.
    assert mobilenet("small", 2.0, pooling="gap", embedding_width=2048) in candidates


def test_explicit_candidates_stand_beside_the_grid() -> None:
    grid = StudentGrid(sizes=("tiny",), widths=(0.5, 1.0), explicit=(mobilenet("large"),))
    assert [candidate.architecture.label for candidate in grid.expand()] == [
        "tiny-w0.5",
        "tiny-w1",
        "large-w1",
    ]


def test_a_candidate_cannot_stand_there_twice() -> None:
    with pytest.raises(ValidationError, match=r"candidate tiny-w0.5-gap-e2048 is there twice"):
        StudentGrid(sizes=("tiny",), widths=(0.5,), explicit=(mobilenet("tiny", 0.5),))


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValidationError, match="no candidates: give sizes and widths"):
        StudentGrid()


def test_more_candidates_than_wanted_are_refused() -> None:
    with pytest.raises(ValidationError, match="2 candidates, but max_candidates is 1"):
        StudentGrid(sizes=("tiny",), widths=(0.5, 1.0), max_candidates=1)


def test_a_grid_can_share_its_training() -> None:
    ranks, qat = (100, 0), ("bottleneck", "none")
    grid = StudentGrid(sizes=("tiny",), widths=(1.0,), svd_ranks=ranks, qat=qat, share_training=True)
    order = [(candidate.candidate_id, candidate.warm_start) for candidate in grid.expand()]
    assert order[0] == ("tiny-w1-gap-e2048", "")
    assert order[1:] == [
        ("tiny-w1-gap-e2048-svd100-qat-warm", "tiny-w1-gap-e2048"),
        ("tiny-w1-gap-e2048-svd100-warm", "tiny-w1-gap-e2048"),
        ("tiny-w1-gap-e2048-qat-warm", "tiny-w1-gap-e2048"),
    ]


def test_a_start_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="tiny-w1-gap-e2048-warm: warm_start 'x' is not there"):
        StudentGrid(explicit=(mobilenet("tiny", warm_start="x"),))


def test_two_candidates_cannot_start_from_each_other() -> None:
    one = mobilenet("tiny", warm_start="small-w1-gap-e2048-warm")
    other = mobilenet("small", warm_start="tiny-w1-gap-e2048-warm")
    with pytest.raises(ValidationError, match="starts from itself, by way of others"):
        StudentGrid(explicit=(one, other))
