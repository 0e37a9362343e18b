"""The plan of a search, before anything is trained."""

from __future__ import annotations

import pytest

from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.preflight.search import plan

GRID = "students={sizes: [tiny], widths: [0.25, 0.5], svd_ranks: [0, 8], embedding_width: 32}"

MAY_BLESS = "gate.host_may_bless=true"


def lines(*overrides: str) -> list[str]:
    return list(plan(load_config("demo", [GRID, "training.epochs=10", *overrides])))


def test_the_plan_counts_networks_and_their_costs() -> None:
    told = lines("search.budget=0.9", "search.short_epochs=2")
    assert "4 candidates of 2 networks" in told[0] and "budget 90.0 %" in told[0].replace("%", " %")
    # Heads of 8 to 32 dimensions hardly count: half of the candidates are the networks themselves.
    assert "(2 of 10 epochs) take 10." in told[1]
    assert "all networks in full would take 50." in told[1] and "takes 1 epoch where it is" in told[1]
    learnt = lines("search.budget=0.9", "training.linear_fit.alone=false")
    assert "their other students 4 epochs each" in learnt[1]
    assert lines("search=null") == []


def test_a_budget_that_is_too_small_for_both_ends_is_refused_with_the_least_that_is_not() -> None:
    with pytest.raises(
        ConfigError, match=r"search.budget is 0.3, but .* take 0.55\d; accepted: 0.5\d or more"
    ):
        lines("search.budget=0.3")


def test_the_plan_says_whether_budgets_rule_anything_out() -> None:
    budgets = "{backend: host, budgets: [{milliseconds: 8}]}"
    timed = lines("search.budget=0.9", MAY_BLESS, f"latency.devices={{host: {budgets}}}")
    assert "the networks' files are timed on host before the choice" in timed[-1]
    other = lines(
        "search.budget=0.9", MAY_BLESS, f"latency.devices={{host: {budgets}, other: {{backend: host}}}}"
    )
    assert "budgets rule nothing out beforehand, since other has none" in other[-1]
