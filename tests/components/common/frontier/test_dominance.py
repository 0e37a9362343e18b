"""Dominance against a brute-force oracle written straight from the definition."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.frontier import dominance
from components.common.frontier.dominance import Comparison, Dominance, find_frontier, thin_ties
from components.common.frontier.scales import Axis

DRAWS = 4


@dataclass(frozen=True)
class Column:
    """An axis in sixteenths, so that the oracle's fractions are exact; of a relative axis, of an octave.

    Attributes:
      values: Of each point.
      widths: Half widths of the intervals, or None for a figure without.
      draws: For each point, or () for one without; None: for none.
      margin: In sixteenths.
      up: Direction.
      relative: Values are 2 ** (value / 16).
    """

    values: list[int]
    widths: list[int] | None
    draws: list[list[int]] | None
    margin: int
    up: bool
    relative: bool

    def of(self, points: list[int]) -> Column:
        return replace(
            self,
            values=[self.values[i] for i in points],
            widths=None if self.widths is None else [self.widths[i] for i in points],
            draws=None if self.draws is None else [self.draws[i] for i in points],
        )

    def axis(self, name: str) -> Axis:
        values = np.array(self.values, dtype=np.float64)
        widths = np.zeros(len(values)) if self.widths is None else np.array(self.widths, dtype=np.float64)

        def figure(sixteenths: float | np.ndarray) -> np.ndarray:
            return np.exp2(np.asarray(sixteenths) / 16) if self.relative else np.asarray(sixteenths) / 16

        def margin(sixteenths: int) -> float:
            return float(figure(sixteenths)) - 1 if self.relative else sixteenths / 16

        return Axis(
            name,
            figure(values),
            margin(self.margin),
            low=None if self.widths is None else figure(values - widths),
            high=None if self.widths is None else figure(values + widths),
            larger_is_better=self.up,
            relative=self.relative,
            draws=None
            if self.draws is None
            else np.array([[x / 16 for x in row] or [math.nan] * DRAWS for row in self.draws]),
        )

    def gain(self, a: int, b: int) -> int:
        return (self.values[a] - self.values[b]) * (1 if self.up else -1)

    def apart(self, a: int, b: int) -> bool:
        """Whether the figures of a and b, a the better one, are apart."""
        if self.draws is not None and self.draws[a] and self.draws[b]:
            d = [x - y for x, y in zip(self.draws[a], self.draws[b], strict=True)]
            # Of n draws the variance is (n sum d^2 - (sum d)^2) / (n (n - 1)), and 1.96^2 is 38416 / 10^4.
            spread = DRAWS * sum(x * x for x in d) - sum(d) ** 2
            gain = self.gain(a, b)
            return gain > 0 and 10_000 * DRAWS * (DRAWS - 1) * gain * gain > 38_416 * spread
        return self.widths is None or self.gain(a, b) - self.widths[a] - self.widths[b] > 0

    def better(self, a: int, b: int) -> bool:
        return self.gain(a, b) > self.margin and self.apart(a, b)

    def not_inferior(self, a: int, b: int) -> bool:
        """Whether a is behind b by at most the margin at the one-sided bound of the difference."""
        room = self.gain(a, b) + self.margin
        if room < 0:
            return False
        if self.draws is not None and self.draws[a] and self.draws[b]:
            d = [x - y for x, y in zip(self.draws[a], self.draws[b], strict=True)]
            spread = DRAWS * sum(x * x for x in d) - sum(d) ** 2
            # 1.645^2 is 2706025 / 10^6.
            return 1_000_000 * DRAWS * (DRAWS - 1) * room * room >= 2_706_025 * spread
        if self.widths is None:
            return True
        # 1.645 of the 1.96 deviations that a half width is: squared, (329 / 392)^2.
        return 153_664 * room * room >= 108_241 * (self.widths[a] ** 2 + self.widths[b] ** 2)

    def not_worse(self, a: int, b: int, others: int) -> bool:
        return -self.gain(a, b) * others <= self.margin and self.not_inferior(a, b)


Cloud = list[Column]


@st.composite
def clouds(draw: st.DrawFn) -> Cloud:
    """Up to 25 points on 1 to 4 axes, with ties and duplicates."""
    n = draw(st.integers(1, 25))
    cloud = []
    for _ in range(draw(st.integers(1, 4))):
        reach = draw(st.sampled_from([2, 6, 40]))
        relative = draw(st.booleans())
        margin = draw(st.sampled_from([0, 0, 1, 3, 6, 12]))
        cloud.append(
            Column(
                values=draw(st.lists(st.integers(-reach, reach), min_size=n, max_size=n)),
                widths=draw(st.none() | st.lists(st.integers(0, 5), min_size=n, max_size=n)),
                draws=None if relative else draw(st.none() | st.lists(DRAWN, min_size=n, max_size=n)),
                margin=margin,
                up=draw(st.booleans()),
                relative=relative,
            )
        )
    return cloud


NO_DRAWS: list[int] = []
DRAWN = st.just(NO_DRAWS) | st.lists(st.integers(-6, 6), min_size=DRAWS, max_size=DRAWS)


def compare(cloud: Cloud) -> Comparison:
    return Comparison([column.axis(f"axis {j}") for j, column in enumerate(cloud)])


def size(cloud: Cloud) -> int:
    return len(cloud[0].values)


def oracle_beats(cloud: Cloud, a: int, b: int) -> bool:
    """A beats B, word for word as the module defines it."""
    others = max(len(cloud) - 1, 1)
    return all(column.not_worse(a, b, others) for column in cloud) and any(
        column.better(a, b) for column in cloud
    )


def oracle_frontier(cloud: Cloud) -> set[int]:
    """Again and again: whoever nobody left beats is on the frontier; those it beats are out."""
    beats = [[oracle_beats(cloud, a, b) for b in range(size(cloud))] for a in range(size(cloud))]
    left, frontier = set(range(size(cloud))), set()
    while left:
        unbeaten = {b for b in left if not any(beats[a][b] for a in left)}
        assert unbeaten, "a cycle: the definition would not be sound"
        frontier |= unbeaten
        left -= unbeaten | {b for b in left if any(beats[a][b] for a in unbeaten)}
    return frontier


@settings(max_examples=200, deadline=None)
@given(clouds(), st.sampled_from([(256, 2048), (4, 3)]))
def test_frontier_is_the_oracles(cloud: Cloud, blocks: tuple[int, int]) -> None:
    with mock.patch.multiple(dominance, _BLOCK=blocks[0], _TILE=blocks[1]):
        found = find_frontier(compare(cloud))
    frontier = oracle_frontier(cloud)
    assert frontier and set(found.frontier) == frontier
    for loser in set(range(size(cloud))) - frontier:
        assert set(found.beaten_by[loser]) == {a for a in frontier if oracle_beats(cloud, a, loser)}


@settings(max_examples=100, deadline=None)
@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(cloud: Cloud, random: Random) -> None:
    order = list(range(size(cloud)))
    random.shuffle(order)
    found = find_frontier(compare(cloud))
    shuffled = find_frontier(compare([column.of(order) for column in cloud]))
    for at, point in enumerate(order):
        assert {order[winner] for winner in shuffled.beaten_by[at]} == set(found.beaten_by[point])


@settings(max_examples=100, deadline=None)
@given(clouds())
def test_a_beaten_point_changes_nothing(cloud: Cloud) -> None:
    found = find_frontier(compare(cloud))
    for loser in [i for i in range(size(cloud)) if found.beaten_by[i]][:3]:
        others = [i for i in range(size(cloud)) if i != loser]
        without = find_frontier(compare([column.of(others) for column in cloud]))
        assert [others[i] for i in without.frontier] == found.frontier
        for at, point in enumerate(others):
            assert [others[winner] for winner in without.beaten_by[at]] == list(found.beaten_by[point])


@settings(max_examples=100, deadline=None)
@given(clouds())
def test_without_margins_and_intervals_it_is_paretos(cloud: Cloud) -> None:
    bare = [replace(column, widths=None, draws=None, margin=0) for column in cloud]
    places = [tuple(column.gain(i, 0) for column in bare) for i in range(size(bare))]
    # Textbook: nobody is at least as good everywhere and better somewhere.
    unbeaten = [
        i
        for i, place in enumerate(places)
        if not any(other != place and all(map(int.__ge__, other, place)) for other in places)
    ]
    assert find_frontier(compare(bare)).frontier == unbeaten


@pytest.mark.parametrize("kind", ["random", "correlated", "opposed"])
def test_hundreds_of_points_are_the_oracles(kind: str) -> None:
    rng = np.random.default_rng(3)
    n, common = 300, rng.integers(0, 120, 300)
    values = [common if kind == "correlated" else rng.integers(0, 120, n) for _ in range(3)]
    if kind == "opposed":
        values = [common, 120 - common, rng.integers(0, 4, n)]
    cloud = [
        Column(
            values=(column + rng.integers(-3, 4, n)).tolist(),
            widths=rng.integers(0, 4, n).tolist(),
            draws=None if relative else rng.integers(-3, 4, (n, DRAWS)).tolist(),
            margin=9,
            up=not relative,
            relative=relative,
        )
        for column, relative in zip(values, (False, True, False), strict=True)
    ]
    found = find_frontier(compare(cloud))
    assert set(found.frontier) == oracle_frontier(cloud)


@settings(max_examples=100, deadline=None)
@given(clouds())
def test_thinned_points_are_tied_with_the_one_that_stays(cloud: Cloud) -> None:
    comparison = compare(cloud)
    frontier = find_frontier(comparison).frontier
    sizes = [float(index % 5) for index in range(len(comparison))]
    replaced = thin_ties(comparison, frontier, sizes)

    def tied(a: int, b: int) -> bool:
        return not any(column.better(a, b) or column.better(b, a) for column in cloud)

    kept: list[int] = []
    for point in sorted(frontier, key=lambda index: (sizes[index], index)):
        stays = next((one for one in kept if tied(one, point)), None)
        assert replaced.get(point) == stays
        kept += [point] if stays is None else []


@pytest.mark.parametrize(
    ("own_noise", "left"), [(0.0, [0]), (0.002, [0]), (0.003, [0, 1])], ids=["none", "little", "much"]
)
def test_the_faster_point_wins_only_if_it_is_shown_not_to_be_worse(own_noise: float, left: list[int]) -> None:
    # Half as slow, of the same quality. The margin is 0.005; the standard deviation of the difference is
    # own_noise * sqrt(4 / 3), and 1.645 times that is 0.0038 for 0.002 and 0.0057 for 0.003.
    noise = np.array([0.03, -0.03, 0.01, -0.01])
    own = own_noise * np.array([1, 1, -1, -1])
    latency = Axis("latency", [1.0, 2.0], 0.02, larger_is_better=False, relative=True)
    quality = Axis("quality", [0.70, 0.70], 0.005, draws=np.stack([0.7 + noise, 0.7 + noise + own]))
    assert find_frontier(Comparison([quality, latency])).frontier == left


def test_without_draws_the_two_intervals_tell() -> None:
    # One-sided bound of the difference: 1.645 / 1.96 * sqrt(2) * 0.02 = 0.0237; lead and margin of 0.005.
    latency = Axis("latency", [1.0, 2.0], 0.02, larger_is_better=False, relative=True)
    for gain, left in ((0.018, [0, 1]), (0.019, [0])):
        values = np.array([0.70 + gain, 0.70])
        quality = Axis("quality", values, 0.005, low=values - 0.02, high=values + 0.02)
        assert find_frontier(Comparison([quality, latency])).frontier == left


def test_a_lead_exceeds_the_critical_value() -> None:
    # Standard deviation of the difference 0.0115: 0.03 is 2.6 of them.
    noise = np.array([0.01, 0.01, -0.01, -0.01])
    draws = np.stack([0.5 + noise, np.full(4, 0.53)])
    for critical, left in ((1.96, [1]), (2.5, [1]), (2.7, [0, 1])):
        axis = Axis("quality", [0.5, 0.53], 0.005, draws=draws, critical=critical)
        assert find_frontier(Comparison([axis])).frontier == left


def test_draws_of_both_replace_the_intervals() -> None:
    # Standard deviation of the difference 0.01 * sqrt(4 / 3) = 0.0115, times 1.96: 0.0226.
    noise = np.array([0.1, -0.1, 0.1, -0.1])
    own = np.array([0.01, 0.01, -0.01, -0.01])
    for gain, apart in ((0.0225, False), (0.0227, True)):
        values = [0.5, 0.5 + gain]
        draws = np.stack([0.5 + noise, values[1] + noise + own])
        axis = Axis("quality", values, low=[0.4, 0.4], high=[0.6, 0.6], draws=draws)
        assert find_frontier(Comparison([axis])).frontier == ([1] if apart else [0, 1])
        one_without = replace(axis, draws=np.stack([draws[0], np.full(4, np.nan)]))
        assert find_frontier(Comparison([one_without])).frontier == [0, 1]


@pytest.mark.parametrize(("gain", "apart"), [(0.0225, False), (0.0227, True)])
def test_draws_that_go_together_are_told_apart_by_their_difference(gain: float, apart: bool) -> None:
    # Nothing is common to all four; the first two differ by once the noise: 1.96 * 0.0115 = 0.0226.
    noise = np.array([0.01, 0.01, -0.01, -0.01])
    values = np.array([0.5, 0.5 + gain, 0.1, 0.1])
    draws = values[:, None] + np.stack([noise, 2 * noise, -noise, -2 * noise])
    axis = Axis("quality", values, draws=draws)
    assert find_frontier(Comparison([axis])).frontier == ([1] if apart else [0, 1])


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        (np.zeros((1, 4)), r"draws of shape \(1, 4\) for 2 points"),
        (np.zeros((2, 1)), "2 to 8192 draws"),
        (np.array([[0.0, 4.0], [0.0, 0.0]]), "further than 1.0 from their mean"),
    ],
)
def test_impossible_draws(draws: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Comparison([Axis("quality", [0.5, 0.6], draws=draws)])


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
