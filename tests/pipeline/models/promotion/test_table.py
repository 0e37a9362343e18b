"""The champion before and after, figure by figure."""

from __future__ import annotations

from pipeline.models.promotion.table import rows
from schemas.verdicts import FrontierPoint
from tests.components.frontier_gate.judging import SMALL, TINY, device_of, point_of
from tests.made_up_runs import Made, make_run


def points(first: Made, second: Made) -> tuple[FrontierPoint, FrontierPoint]:
    device = device_of(make_run({SMALL: [first], TINY: [second]}))
    return point_of(device, SMALL), point_of(device, TINY)


def test_each_figure_stands_beside_the_champions_with_its_difference() -> None:
    before, after = points(Made(0.75, 5.0, size=2 * 2**20), Made(0.80, 4.0, size=3 * 2**20))
    table = {row.figure: (row.before, row.after, row.difference) for row in rows(before, after)}
    # Qualities are +- 0.02, latencies +- 1 %; p95 is 1.2 times the median; the reference takes 10 ms.
    assert table["NOSS mean"] == ("0.75 (0.73 to 0.77)", "0.8 (0.78 to 0.82)", "+0.05")
    assert table["p50 (ms)"] == ("5 (4.95 to 5.05)", "4 (3.96 to 4.04)", "-1 (-20.0%)")
    assert table["p95 (ms)"] == ("6", "4.8", "-1.2 (-20.0%)")
    assert table["x the reference network"][2] == "-0.1 (-20.0%)"
    assert table["file (MiB)"] == ("2", "3", "+1 (+50.0%)")
    assert table["parameters"] == ("123,456", "123,456", "+0 (+0.0%)")


def test_intervals_that_touch_are_told() -> None:
    # 0.73 to 0.77 and 0.75 to 0.79; 4.95 to 5.05 and 5.049 to 5.151 ms.
    before, after = points(Made(0.75, 5.0), Made(0.77, 5.1))
    table = {row.figure: row.difference for row in rows(before, after)}
    assert table["NOSS mean"] == "+0.02, intervals touch"
    assert table["p50 (ms)"] == "+0.1 (+2.0%), intervals touch"
    assert "touch" not in table["p95 (ms)"]


def test_without_a_champion_there_is_nothing_to_differ_from() -> None:
    _, after = points(Made(0.75, 5.0), Made(0.80, 4.0))
    found = rows(None, after)
    assert {(row.before, row.difference) for row in found} == {("-", "-")}
    assert found[0].after == "0.8 (0.78 to 0.82)"


def test_a_board_has_arena_and_arithmetic_and_no_times() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0, "core-int8")]}, devices={"board": 1.0})
    (point,) = device_of(run).points
    table = {row.figure: row.after for row in rows(None, point)}
    assert (table["arena (KiB)"], table["multiply-accumulates (M)"]) == ("200", "5")
    assert not [name for name in table if "ms" in name or "network" in name]
