"""The rule of the search: ends, hypervolume for its cost, leftovers, audit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from components.frontier_search.choice import Option, TooSmallBudget, audited, choose, hypervolume


def option(name: str, macs: float, expected: float | None, cost: float, network: str = "") -> Option:
    return Option(name, network or name, macs, expected, cost)


def names(options: list[Option]) -> set[str]:
    return {one.candidate_id for one in options}


GRID = [
    option("tiny", 1, 0.30, 0.01),
    option("tiny-svd", 0.8, 0.29, 0.003, "tiny"),
    option("tiny-flat", 1.4, 0.33, 0.004, "tiny"),
    option("mid", 4, 0.40, 0.04),
    option("mid-svd", 3.5, 0.395, 0.01, "mid"),
    option("dull", 5, 0.31, 0.05),
    option("dull-flat", 6, 0.32, 0.02, "dull"),
    option("large", 12, 0.50, 0.12),
    option("large-qat", 12, 0.50, 0.04, "large"),
]


def test_both_ends_come_first() -> None:
    assert names(choose(GRID, 0.1301)) == {"tiny", "large"}
    with pytest.raises(TooSmallBudget, match=r"tiny and large, both ends .* cost 0.13 together, .* 0.12 is"):
        choose(GRID, 0.12)


def test_what_adds_most_for_its_cost_is_chosen_and_what_is_dominated_comes_last() -> None:
    assert names(choose(GRID, 0.139)) == {"tiny", "large", "tiny-svd", "tiny-flat"}
    # A student comes with the one that it starts from, and both must be affordable.
    assert "mid-svd" not in names(choose(GRID, 0.17))
    assert {"mid", "mid-svd"} < names(choose(GRID, 0.19))
    # 0.07 would pay for the dull network, which nothing recommends; the quantised twin costs less.
    chosen = names(choose(GRID, 0.26))
    assert "large-qat" in chosen and not {"dull", "dull-flat"} & chosen


def test_a_gain_counts_for_what_it_costs() -> None:
    # mid with mid-svd would gain more at once, and leave too little for tiny-flat, which is worth more.
    assert names(choose(GRID, 0.183)) == {"tiny", "large", "tiny-svd", "tiny-flat", "mid"}


def test_never_more_than_the_budget_and_no_student_without_its_network() -> None:
    for step in range(13, 40):
        chosen = choose(GRID, step / 100)
        assert sum(one.cost for one in chosen) <= step / 100 + 1e-12
        assert {one.network for one in chosen} <= names(chosen)


def test_a_network_whose_short_training_failed_is_left_out_with_all_its_students() -> None:
    failed = [replace(one, expected=None) if one.network == "large" else one for one in GRID]
    assert names(choose(failed, 1.0)) == {one.candidate_id for one in GRID if one.network != "large"} - {
        "dull",
        "dull-flat",
    }
    with pytest.raises(ValueError, match="no network's short training ended well"):
        choose([option("a", 1, None, 0.1)], 1.0)


def test_the_audited_candidate_is_one_that_was_not_chosen_and_can_be_paid_for() -> None:
    chosen = names(choose(GRID, 0.139))
    drawn = {audited(GRID, chosen, 0.06, seed) for seed in range(40)}
    # Not mid-svd, whose network is not trained; not large-qat's price and more.
    assert {one.candidate_id for one in drawn if one} == {"mid", "dull", "large-qat"}
    assert audited(GRID, chosen, 0.06, 3) == audited(GRID, chosen, 0.06, 3)
    assert audited(GRID, chosen, 0.001, 3) is None


def test_hypervolume_is_the_area_under_the_staircase() -> None:
    points = [(0.2, 1.0), (0.5, 2.0), (0.4, 3.0)]  # the last is beaten
    assert hypervolume(points, floor=0.1, ceiling=4.0) == pytest.approx(0.1 * 3.0 + 0.3 * 2.0)
    assert hypervolume([], 0.1, 4.0) == 0.0
    assert hypervolume([(0.05, 1.0), (0.5, 4.0)], 0.1, 4.0) == 0.0
    assert math.isclose(hypervolume(reversed(points), 0.1, 4.0), hypervolume(points, 0.1, 4.0))


def test_a_network_comes_with_what_is_fitted_to_it_unless_that_is_clearly_beaten() -> None:
    grid = [
        option("tiny", 1, 0.30, 0.01),
        # Promises less for more, but within what short trainings may be wrong by.
        replace(option("tiny-flat", 1.4, 0.28, 0.001, "tiny"), fitted=True),
        replace(option("tiny-poor", 1.3, 0.26, 0.001, "tiny"), fitted=True),
        option("tiny-qat", 1, 0.30, 0.001, "tiny"),
        option("mid", 4, 0.40, 0.04),
        replace(option("mid-flat", 5, 0.39, 0.004, "mid"), fitted=True),
        option("large", 12, 0.50, 0.12),
    ]
    assert names(choose(grid, 0.1315)) == {"tiny", "large", "tiny-flat"}
    # The network in between costs what both take together.
    assert "mid" not in names(choose(grid, 0.1745)) and {"mid", "mid-flat"} < names(choose(grid, 0.1755))
    # Ends are had without company, if there is no more.
    assert names(choose(grid, 0.1301)) == {"tiny", "large"}


def test_the_best_end_is_the_network_whose_any_form_promises_most() -> None:
    grid = [
        option("tiny", 1, 0.30, 0.01),
        option("mid", 4, 0.40, 0.04),
        replace(option("mid-flat", 5, 0.60, 0.004, "mid"), fitted=True),
        option("large", 12, 0.50, 0.12),
    ]
    assert names(choose(grid, 0.06)) == {"tiny", "mid", "mid-flat"}
