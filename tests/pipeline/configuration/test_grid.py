"""The sweep expands to exactly the candidates it names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.grid import StudentGrid
from tests.students import mobilenet

GRID = "students={sizes: [tiny], widths: [0.5]"


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


def test_front_ends_are_axes_of_the_grid_and_only_what_differs_is_named() -> None:
    settings = [
        "students={sizes: [tiny], widths: [0.5], mels: [40, 64], hop_samples: [160, 320], svd_ranks: [0, 32],"
        " share_training: true}",
        "training.epochs=8",
    ]
    plain = "tiny-w0.5-gap-e2048"
    order = [(one.candidate_id, one.warm_start) for one in load_config("demo", settings).students.expand()]
    assert set(order) == {
        *((f"{plain}{own}", "") for own in ("", "-m40", "-h20", "-m40-h20")),
        # A compressed one starts from its sibling, which hears the same.
        *((f"{plain}-svd32{own}-warm", f"{plain}{own}") for own in ("", "-m40", "-h20", "-m40-h20")),
    }
    # In a run that hears 40 bands, they are what is not named.
    others = load_config("demo", [*settings, "front_end.mels=40"]).students.expand()
    assert {one.candidate_id for one in others if not one.warm_start} == {
        plain, f"{plain}-m64", f"{plain}-h20", f"{plain}-m64-h20"
    }  # fmt: skip


def test_under_a_search_all_students_of_a_network_start_from_its_first() -> None:
    grid = f"{GRID}, poolings: [gap, flatten], svd_ranks: [0, 32]}}"
    exhaustive = load_config("demo", [grid, "training.epochs=8", "search=null"])
    assert not any(one.warm_start for one in exhaustive.students.expand())
    searched = load_config("demo", [grid, "training.epochs=8", "search.budget=0.5"])
    first, *others = searched.students.expand()
    assert first.candidate_id == "tiny-w0.5-gap-e2048" and not first.warm_start
    assert {one.warm_start for one in others} == {first.candidate_id} and len(others) == 3
    # Only quantisation has to be learnt; else it takes as long as the phases of a compressed student need.
    assert (exhaustive.training.warm_epochs, searched.training.warm_epochs) == (0, 1)
    assert not exhaustive.training.linear_fit.alone and searched.training.linear_fit.alone
    learnt = load_config(
        "demo", [grid, "training.epochs=8", "search.budget=0.5", "training.linear_fit.alone=false"]
    )
    assert (learnt.training.warm_epochs, learnt.training.linear_fit.alone) == (4, False)
    unfitted = load_config(
        "demo",
        [grid, "training.epochs=8", "search.budget=0.5", "training.linear_fit={alone: true, windows: 0}"],
    )
    assert unfitted.training.warm_epochs == 4
    assert (
        load_config("demo", [grid, "search.budget=0.5", "training.warm_epochs=5"]).training.warm_epochs == 5
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["students={sizes: [tiny], widths: [0.5], svd_ranks: [32]}"], r"svd32 has no uncompressed student"),
        (
            ["students={explicit: [{}, {svd_rank: 8}, {qat: network, warm_start: small-w1-gap-e2048-svd8}]}"],
            r"starts from small-w1-gap-e2048-svd8; accepted: small-w1-gap-e2048, which all",
        ),
        (
            ["students={explicit: [{}]}", "search.short_epochs=8"],
            r"search.short_epochs is 8, .* accepted: fewer",
        ),
        (["search.budget=0"], r"search.budget: 0 is refused"),
        (["search.budget=1.5"], r"search.budget: 1.5 is refused"),
    ],
)
def test_a_search_that_cannot_be_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("demo", ["training.epochs=8", "search.budget=0.5", *settings])


def test_a_front_end_that_is_the_runs_makes_no_other_student() -> None:
    same = "{architecture: {name: mobilenet_v3, size: tiny, width: 0.5}, front_end: {mels: 64}}"
    (student,) = load_config("demo", [f"students={{explicit: [{same}]}}"]).students.expand()
    assert student == mobilenet("tiny", 0.5)
    with pytest.raises(ConfigError, match=r"students: candidate tiny-w0.5-gap-e2048 is there twice"):
        load_config("demo", [f"students={{sizes: [tiny], widths: [0.5], explicit: [{same}]}}"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([f"{GRID}, mels: [64, 20]}}"], r"-m20: a patch of 96 frames x 20 mels"),
        ([f"{GRID}, hop_samples: [800]}}"], r"-h50: front_end.hop_samples is 800"),
        ([f"{GRID}, mels: [64, -1]}}"], r"students.mels.1: -1 is refused"),
        (["students={mels: [40], explicit: [{}]}"], r"students: mels and hop_samples are axes of a grid"),
        (["front_end.hop_samples=401"], r"front_end: hop_samples is 401, .*; accepted: 1 to 400"),
        (["front_end.sample_rate=8000"], r"front_end: sample_rate is 8000, .*; accepted: 16000"),
        (
            ["students.explicit=[{front_end: {frames: 90}}]"],
            r"students.explicit.0.front_end: frames is 90, but all students of a run share it",
        ),
    ],
)
def test_a_front_end_that_cannot_be_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("demo", settings)
