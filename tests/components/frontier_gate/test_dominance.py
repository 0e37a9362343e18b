"""Dominance against a brute-force oracle written straight from the definition."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.frontier_gate.dominance import Axis, Comparison, Dominance, find_frontier, thin_ties

# Values and margins are small multiples of 1/16, so that the oracle's fractions are exact.
Point = tuple[list[int], list[int]]


@st.composite
def clouds(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], list[int], list[bool]]:
    """Values, half widths of intervals, margins and directions of up to 25 points on 1 to 4 axes."""
    k = draw(st.integers(1, 4))
    n = draw(st.integers(1, 25))
    reach = draw(st.sampled_from([2, 6, 40]))
    column = st.lists(st.integers(-reach, reach), min_size=n, max_size=n)
    widths = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    return (
        [draw(column) for _ in range(k)],
        [draw(widths) for _ in range(k)],
        draw(st.lists(st.sampled_from([0, 0, 1, 3, 6]), min_size=k, max_size=k)),
        draw(st.lists(st.booleans(), min_size=k, max_size=k)),
    )


def axes_of(cloud: tuple[list[list[int]], list[list[int]], list[int], list[bool]]) -> list[Axis]:
    return [
        Axis(
            f"axis {j}",
            [v / 16 for v in values],
            margin / 16,
            low=[(v - w) / 16 for v, w in zip(values, widths, strict=True)],
            high=[(v + w) / 16 for v, w in zip(values, widths, strict=True)],
            larger_is_better=up,
        )
        for j, (values, widths, margin, up) in enumerate(zip(*cloud, strict=True))
    ]


def oracle_beats(
    cloud: tuple[list[list[int]], list[list[int]], list[int], list[bool]], a: int, b: int
) -> bool:
    """A beats B, word for word as the module defines it."""
    axes = list(zip(*cloud, strict=True))
    clearly, no_worse = False, True
    for values, widths, margin, up in axes:
        sign = 1 if up else -1
        gain = sign * (values[a] - values[b])
        apart = gain - widths[a] - widths[b] > 0
        better = gain > margin and apart
        clearly |= better
        no_worse &= better or gain >= -Fraction(margin, max(len(axes) - 1, 1))
    return clearly and no_worse


def oracle_frontier(
    cloud: tuple[list[list[int]], list[list[int]], list[int], list[bool]], n: int
) -> set[int]:
    """Again and again: whoever nobody left beats is on the frontier; those it beats are out."""
    beats = [[oracle_beats(cloud, a, b) for b in range(n)] for a in range(n)]
    left, frontier = set(range(n)), set()
    while left:
        unbeaten = {b for b in left if not any(beats[a][b] for a in left)}
        assert unbeaten, "a cycle: the definition would not be sound"
        frontier |= unbeaten
        left -= unbeaten | {b for b in left if any(beats[a][b] for a in unbeaten)}
    return frontier


@settings(max_examples=150, deadline=None)
@given(clouds())
def test_frontier_is_the_oracles(
    cloud: tuple[list[list[int]], list[list[int]], list[int], list[bool]],
) -> None:
    n = len(cloud[0][0])
    found = find_frontier(Comparison(axes_of(cloud)))
    frontier = oracle_frontier(cloud, n)
    assert set(found.frontier) == frontier
    for loser in set(range(n)) - frontier:
        assert set(found.beaten_by[loser]) == {a for a in frontier if oracle_beats(cloud, a, loser)}


@settings(max_examples=80, deadline=None)
@given(clouds())
def test_thinned_points_are_tied_with_the_one_that_stays(
    cloud: tuple[list[list[int]], list[list[int]], list[int], list[bool]],
) -> None:
    comparison = Comparison(axes_of(cloud))
    frontier = find_frontier(comparison).frontier
    sizes = [float(index % 5) for index in range(len(comparison))]
    replaced = thin_ties(comparison, frontier, sizes)
    kept = set(frontier) - set(replaced)
    assert kept
    for left_out, stays in replaced.items():
        assert stays in kept and sizes[stays] <= sizes[left_out]
        assert not oracle_beats(cloud, stays, left_out) and not oracle_beats(cloud, left_out, stays)


def test_plain_pareto() -> None:
    # (quality, latency): a and b trade off; c is worse than a in both; d is as good as b but slower.
    found = frontier([0.8, 0.6, 0.7, 0.6], [4.0, 1.0, 5.0, 2.0])
    assert found.frontier == [0, 1]
    assert found.beaten_by == ((), (), (0,), (1,))


def test_duplicates_stay_together() -> None:
    assert frontier([0.7, 0.7, 0.7], [1.0, 1.0, 1.0]).frontier == [0, 1, 2]


def test_one_point() -> None:
    assert frontier([0.7], [1.0]).frontier == [0]


def test_no_points() -> None:
    assert find_frontier(Comparison([Axis("quality", [])])).frontier == []


def test_slightly_better_but_much_slower_is_beaten() -> None:
    # 0.001 of quality is within the margin of 0.002; 1 ms against 3 ms is not within 2 %.
    found = frontier([0.700, 0.701], [1.0, 3.0], quality_margin=0.002, latency_margin=0.02)
    assert found.beaten_by == ((), (0,))


def test_touching_intervals_are_no_win() -> None:
    axes = [
        Axis("quality", [0.7, 0.7]),
        Axis("latency", [1.0, 1.2], low=[0.9, 1.1], high=[1.1, 1.3], larger_is_better=False),
    ]
    assert find_frontier(Comparison(axes)).frontier == [0, 1]


def test_near_ties_do_not_erode_the_frontier() -> None:
    # Each point gives up 0.002 of quality and halves the latency: each beats the one before it. Taking out
    # every beaten point would leave the last alone, 0.008 below the first; the kernel keeps every second.
    found = frontier(
        [0.700, 0.698, 0.696, 0.694, 0.692],
        [16.0, 8.0, 4.0, 2.0, 1.0],
        quality_margin=0.002,
        latency_margin=0.02,
    )
    assert found.frontier == [0, 2, 4]
    assert found.beaten_by == ((), (2,), (), (4,), ())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"axis 'quality': point 1 is .*; only finite figures compete"):
        frontier([0.7, bad], [1.0, 1.0])


def test_impossible_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one axis"):
        Comparison([])
    with pytest.raises(ValueError, match="same number of points"):
        Comparison([Axis("a", [1.0]), Axis("b", [1.0, 2.0])])
    with pytest.raises(ValueError, match="outside its interval"):
        Comparison([Axis("a", [1.0], low=[2.0], high=[3.0])])
    with pytest.raises(ValueError, match="needs more than 0"):
        Comparison([Axis("a", [0.0], 0.1, relative=True)])
    with pytest.raises(ValueError, match="margin of axis 'a' is -1"):
        Comparison([Axis("a", [0.0], -1)])


def test_ten_thousand_points_on_four_axes_in_two_seconds() -> None:
    rng = np.random.default_rng(0)
    axes = [Axis(name, rng.normal(size=10_000), 0.01) for name in "abcd"]
    begun = time.perf_counter()
    found = find_frontier(Comparison(axes))
    assert time.perf_counter() - begun < 2
    assert 100 < len(found.frontier) < 5_000


def frontier(
    quality: list[float], latency: list[float], quality_margin: float = 0.0, latency_margin: float = 0.0
) -> Dominance:
    return find_frontier(
        Comparison(
            [
                Axis("quality", quality, quality_margin),
                Axis("latency", latency, latency_margin, larger_is_better=False, relative=True),
            ]
        )
    )
