"""One name where noise leaves several, what is really separated, and how much of the best is luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.frontier.axes import Entrant, measure_axes
from components.common.frontier.draws import MEAN
from components.common.frontier.settings import AxisSettings
from components.frontier_gate.recommendation import optimism, recommend
from schemas.devices import Budget
from schemas.verdicts import FrontierPoint
from tests.components.frontier_gate.judging import LARGE, SMALL, TINY, device_of
from tests.made_up_runs import Made, make_run

AXES = (AxisSettings(metric="quality"), AxisSettings(metric="latency"))


def entrants(
    qualities: list[float],
    noise: float,
    seed: int = 0,
    resamples: int = 500,
    ratios: list[float] | None = None,
    sizes: list[int] | None = None,
) -> list[Entrant]:
    """Blessed wave points, each twice as slow as the one before it if nothing else is said."""
    rng = np.random.default_rng(seed)
    (point,) = device_of(make_run({SMALL: [Made(0.7, 5.0)]})).points
    made = []
    for number, quality in enumerate(qualities):
        ratio = ratios[number] if ratios else 0.1 * 2.0**number
        figures = {
            "point_id": f"p{number}",
            "quality": quality,
            "latency_ratio": ratio,
            "latency_ratio_low": 0.99 * ratio,
            "latency_ratio_high": 1.01 * ratio,
            "bytes": sizes[number] if sizes else 1_000_000,
        }
        draws = quality + rng.normal(0, noise, resamples)
        made.append(Entrant(f"p{number}", point.model_copy(update=figures), {MEAN: draws}))
    return made


def points_of(made: list[Entrant]) -> list[FrontierPoint]:
    return [entrant.point for entrant in made]


def test_of_what_the_best_does_not_clearly_beat_the_fastest() -> None:
    made = entrants([0.70, 0.776, 0.779, 0.780], noise=0.001)
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.input, found.point_id, found.best, found.best_quality) == ("wave", "p1", "p3", 0.78)
    assert found.tied == ["p3", "p2", "p1"]
    assert found.not_separable == ["p2", "p3"]
    assert [(pair.better, pair.worse) for pair in found.separated] == [
        ("p3", "p0"),
        ("p2", "p0"),
        ("p1", "p0"),
    ]
    assert found.separated_pairs == 3 and found.separated[0].difference == pytest.approx(0.08)
    # p0 is half as slow as p1, and clearly worse: what speed would cost is told.
    (faster,) = found.alternatives
    assert (faster.point_id, faster.separated) == ("p0", True)
    assert (faster.latency_share, faster.bytes_share) == pytest.approx((0.5, 1.0))
    assert faster.quality_difference == pytest.approx(-0.076)


def test_the_clearly_best_is_taken_whatever_it_costs() -> None:
    made = entrants([0.70, 0.74, 0.78], noise=0.001)
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.point_id, found.tied) == ("p2", ["p2"])


def test_all_within_noise() -> None:
    made = entrants([0.76, 0.77, 0.78], noise=0.05)
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.separated, found.separated_pairs) == ([], 0)
    # Nobody can say which is the best: the fastest costs nothing that is known.
    assert (found.point_id, found.tied, found.best) == ("p0", ["p2", "p1", "p0"], "p2")
    assert found.not_separable == ["p1", "p2"]


def test_a_tie_in_latency_too_goes_to_the_smallest() -> None:
    # 1 % apart, with intervals of 1 % either way and a margin of 5 %: neither is clearly the faster.
    made = entrants([0.780, 0.779], noise=0.01, ratios=[0.200, 0.202], sizes=[900_000, 500_000])
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.point_id, found.alternatives) == ("p1", [])
    # A difference in size within its margin of 2 % is none either: the better quality is left.
    made = entrants([0.780, 0.779], noise=0.01, ratios=[0.200, 0.202], sizes=[500_100, 500_000])
    assert recommend(points_of(made), made, measure_axes(AXES, made))[0].point_id == "p0"


def test_a_run_that_competes_on_size_breaks_ties_by_size_first() -> None:
    made = entrants([0.780, 0.779], noise=0.01, ratios=[0.1, 0.4], sizes=[900_000, 500_000])
    assert recommend(points_of(made), made, measure_axes(AXES, made))[0].point_id == "p0"
    on_size = measure_axes((AXES[0], AxisSettings(metric="bytes")), made)
    (found,) = recommend(points_of(made), made, on_size)
    assert found.point_id == "p1"
    (faster,) = found.alternatives
    assert (faster.point_id, faster.separated) == ("p0", False)


def test_a_latency_that_is_no_axis_and_not_known_breaks_no_tie() -> None:
    made = entrants([0.780, 0.779], noise=0.01, sizes=[900_000, 500_000])
    unknown = {"latency_ratio_low": 0.0, "latency_ratio_high": 0.0}
    made = [Entrant(one.name, one.point.model_copy(update=unknown), one.draws) for one in made]
    (found,) = recommend(points_of(made), made, measure_axes((AXES[0], AxisSettings(metric="bytes")), made))
    assert (found.point_id, found.alternatives) == ("p1", [])


def test_where_one_task_is_the_axis_its_score_decides() -> None:
    made = [
        Entrant(
            one.name,
            one.point.model_copy(update={"tasks": {"mood": score, "speaker": 0.5}}),
            {**one.draws, "mood": score + one.draws[MEAN] - one.point.quality},
        )
        for one, score in zip(entrants([0.78, 0.70], noise=0.001), (0.6, 0.9), strict=True)
    ]
    of_task = (AxisSettings(metric="quality", task="mood"), AXES[1])
    (found,) = recommend(points_of(made), made, measure_axes(of_task, made))
    assert (found.task, found.point_id, found.best_quality) == ("mood", "p1", 0.9)
    assert found.separated[0].difference == pytest.approx(0.3)
    # The mean decides where it is an axis too.
    (found,) = recommend(points_of(made), made, measure_axes((*of_task, AXES[0]), made))
    assert (found.task, found.point_id) == ("", "p0")


def test_the_budgets_that_it_keeps_to_are_told() -> None:
    made = entrants([0.78], noise=0.01)
    budgets = (
        Budget(milliseconds=8),
        Budget(percentile="p50", real_time_factor=0.02, input="wave"),
        Budget(milliseconds=1, input="core"),
    )
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made), budgets)
    assert found.within == ["8 ms (p95)", "a real-time factor of 0.02 (p50)"]
    assert recommend(points_of(made), made, measure_axes(AXES, made))[0].within == []
    board = (Budget(arena_kib=256, flash_kib=1024), Budget(mega_macs=8))
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made), board)
    assert found.within == ["256 KiB of arena", "1024 KiB of flash", "8 M multiply-accumulates"]


def test_only_what_is_blessed_and_only_by_quality() -> None:
    made = entrants([0.70, 0.78], noise=0.001)
    lost = [made[0].point, made[1].point.model_copy(update={"blessed": False})]
    (found,) = recommend(lost, made, measure_axes(AXES, made))
    assert (found.point_id, found.best) == ("p0", "p0")
    nothing = [point.model_copy(update={"blessed": False}) for point in lost]
    assert recommend(nothing, made, measure_axes(AXES, made)) == []
    assert recommend(points_of(made), made, measure_axes(AXES[1:], made)) == []


def test_optimism_is_the_luck_of_the_best_of_many() -> None:
    """Models of one truth: the best of k of them is too good by the expected maximum of k normals."""
    deviation, k = 0.01, 12
    rng = np.random.default_rng(0)
    lucks, corrections = [], []
    for seed in range(200):
        made = entrants((0.7 + rng.normal(0, deviation, k)).tolist(), deviation, seed, resamples=300)
        lucks.append(max(one.point.quality for one in made) - 0.7)
        corrections.append(optimism(made))
    # The expected maximum of 12 standard normals is 1.63.
    assert np.mean(lucks) == pytest.approx(1.63 * deviation, rel=0.1)
    left = np.mean(lucks) - np.mean(np.array(corrections, float))
    # The bootstrap takes off most of it; it knows the spread between the figures as if it were true.
    assert 0 <= left < 0.5 * np.mean(lucks)


def test_no_optimism_where_nothing_else_could_have_won() -> None:
    assert optimism(entrants([0.6, 0.9], noise=0.001, resamples=2000)) == pytest.approx(0, abs=1e-4)
    made = entrants([0.6, 0.9], noise=0.001)
    assert optimism([made[0], Entrant("x", made[1].point, {})]) is None


def test_a_verdict_recommends_for_each_input(tmp_path: Path) -> None:
    run = make_run(
        {
            SMALL: [Made(0.75, 5.0), Made(0.75, 4.0, "core-float32")],
            TINY: [Made(0.70, 2.0)],
            LARGE: [Made(0.752, 9.0)],
        }
    )
    device = device_of(run, samples=tmp_path)
    found = {one.input: one for one in device.recommendations}
    assert sorted(found) == ["core", "wave"]
    assert found["wave"].point_id == f"{SMALL.candidate_id}/wave-float32"
    assert found["core"].separated_pairs == 0
    closed = device_of(run, samples=tmp_path, required_tasks=("esc",))
    assert closed.recommendations == []


def test_on_a_board_arithmetic_then_arena_then_size_break_a_tie() -> None:
    def board(macs: list[float], arenas: list[float], sizes: list[int]) -> list[Entrant]:
        made = entrants([0.780, 0.779], noise=0.01, sizes=sizes)
        untimed = {"latency_ms": None, "latency_low_ms": None, "latency_high_ms": None, "latency_ratio": None}
        return [
            Entrant(
                one.name,
                one.point.model_copy(update={**untimed, "mega_macs": mega_macs, "arena_kib": arena}),
                one.draws,
            )
            for one, mega_macs, arena in zip(made, macs, arenas, strict=True)
        ]

    def taken(made: list[Entrant], *axes: AxisSettings) -> str:
        (found,) = recommend(points_of(made), made, measure_axes((AXES[0], *axes), made))
        return found.point_id

    macs, arena = AxisSettings(metric="mega_macs"), AxisSettings(metric="arena_kib")
    cheaper = board([5.0, 2.0], [100.0, 200.0], [900_000, 900_000])
    assert (taken(cheaper, macs), taken(cheaper, arena)) == ("p1", "p0")
    assert taken(board([5.0, 5.0], [200.0, 100.0], [500_000, 900_000]), macs) == "p1"
    assert taken(board([5.0, 5.0], [200.0, 200.0], [900_000, 500_000]), macs) == "p1"
    (found,) = recommend(points_of(cheaper), cheaper, measure_axes((AXES[0], macs), cheaper))
    (other,) = found.alternatives
    assert (other.point_id, other.latency_share, other.mega_macs_share, other.arena_share) == (
        "p0",
        None,
        2.5,
        0.5,
    )
