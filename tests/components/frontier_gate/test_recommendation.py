"""One name where noise leaves several, what is really separated, and how much of the best is luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.frontier.axes import Entrant, measure_axes
from components.common.frontier.draws import MEAN
from components.common.frontier.settings import AxisSettings
from components.frontier_gate.recommendation import optimism, recommend
from schemas.verdicts import FrontierPoint
from tests.components.frontier_gate.judging import LARGE, SMALL, TINY, device_of
from tests.made_up_runs import Made, make_run

AXES = (AxisSettings(metric="quality"), AxisSettings(metric="latency"))


def entrants(qualities: list[float], noise: float, seed: int = 0, resamples: int = 500) -> list[Entrant]:
    """Blessed wave points, each twice as slow as the one before it."""
    rng = np.random.default_rng(seed)
    (point,) = device_of(make_run({SMALL: [Made(0.7, 5.0)]})).points
    made = []
    for number, quality in enumerate(qualities):
        figures = {"point_id": f"p{number}", "quality": quality, "latency_ratio": 0.1 * 2.0**number}
        draws = quality + rng.normal(0, noise, resamples)
        made.append(Entrant(f"p{number}", point.model_copy(update=figures), {MEAN: draws}))
    return made


def points_of(made: list[Entrant]) -> list[FrontierPoint]:
    return [entrant.point for entrant in made]


def test_the_fastest_within_the_margin_of_the_best() -> None:
    made = entrants([0.70, 0.776, 0.779, 0.780], noise=0.001)
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.input, found.point_id, found.best, found.best_quality) == ("wave", "p1", "p3", 0.78)
    assert found.not_separable == ["p2", "p3"]
    assert [(pair.better, pair.worse) for pair in found.separated] == [
        ("p3", "p0"),
        ("p2", "p0"),
        ("p1", "p0"),
    ]
    assert found.separated_pairs == 3 and found.separated[0].difference == pytest.approx(0.08)


def test_all_within_noise() -> None:
    made = entrants([0.76, 0.77, 0.78], noise=0.05)
    (found,) = recommend(points_of(made), made, measure_axes(AXES, made))
    assert (found.separated, found.separated_pairs) == ([], 0)
    # Beyond the margin of the best the fastest is not recommended, though noise cannot tell it from it.
    assert (found.point_id, found.not_separable) == ("p2", ["p0", "p1"])


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
