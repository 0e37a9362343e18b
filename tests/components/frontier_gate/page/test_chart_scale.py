"""Scales of the charts: places and ticks."""

from __future__ import annotations

import pytest

from components.frontier_gate.page.chart_scale import ChartScale


def test_places_on_a_linear_and_a_logarithmic_scale() -> None:
    assert ChartScale(0.0, 10.0).place(2.5, 100, 200) == 125.0
    assert ChartScale(1.0, 100.0, log=True).place(10.0, 0, 600) == 300.0
    # Upside down, as pixels go.
    assert ChartScale(0.0, 1.0).place(0.25, 400, 0) == 300.0


@pytest.mark.parametrize("log", [False, True])
def test_a_scale_has_room_at_both_ends(log: bool) -> None:
    scale = ChartScale.over([2.0, 40.0], log=log)
    assert 0 < scale.share(2.0) < 0.2 and 0.8 < scale.share(40.0) < 1
    assert scale.holds(2.0) and not scale.holds(60.0)


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
def test_a_single_value_has_a_scale(value: float) -> None:
    assert ChartScale.over([value]).share(value) == pytest.approx(0.5)
    if value > 0:
        assert ChartScale.over([value], log=True).share(value) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (ChartScale(0.52, 0.81), [0.6, 0.7, 0.8]),
        (ChartScale(0.0, 10.0), [0, 2, 4, 6, 8, 10]),
        (ChartScale(0.9, 1200.0, log=True), [1, 10, 100, 1000]),
        (ChartScale(0.4, 7.0, log=True), [0.5, 1, 2, 5]),
        (ChartScale(1.9, 6.0, log=True), [2, 3, 5]),
        # Too narrow for any of the steps of a decade.
        (ChartScale(1.05, 1.35, log=True), [1.1, 1.2, 1.3]),
    ],
)
def test_ticks_are_round(scale: ChartScale, ticks: list[float]) -> None:
    assert scale.ticks() == pytest.approx(ticks)
