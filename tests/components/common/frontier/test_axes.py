"""The margins of the axes, and what has a place on an axis."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.frontier.axes import Entrant, measure_axes, misplaced, place
from components.common.frontier.draws import MEAN, read_draws
from components.common.frontier.settings import AxisSettings
from schemas.verdicts import AxisInfo, FrontierPoint
from tests.components.frontier_gate.judging import SMALL, device_of
from tests.made_up_runs import Made, make_run

TASKS = ["language", "speaker", "keyword"]
QUALITY, LATENCY = AxisSettings(metric="quality"), AxisSettings(metric="latency")


def entrant(name: str, quality: float, draws: list[float] | None = None, own: bool = True) -> Entrant:
    """A wave point of 5 ms, its ratio of 0.5 within 2 %."""
    (point,) = device_of(make_run({SMALL: [Made(quality, 5.0, spread=0.02)]})).points
    return Entrant(name, point, {} if draws is None else {MEAN: np.array(draws)}, own)


def measured(axis: AxisSettings, entrants: list[Entrant]) -> AxisInfo:
    (info,) = measure_axes([axis], entrants)
    return info


@pytest.mark.parametrize(
    ("metric", "margin"),
    [("quality", 0.005), ("latency", 0.05), ("bytes", 0.02), ("peak_mib", 0.05), ("init_ms", 0.05)],
)
def test_margins_are_fixed(metric: str, margin: float) -> None:
    axis = AxisSettings.model_validate({"metric": metric})
    info = measured(axis, [entrant("a", 0.7)])
    assert (info.margin, info.source, info.relative) == (margin, "the default", metric != "quality")
    info = measured(axis.model_copy(update={"margin": 0.2}), [])
    assert (info.margin, info.source) == (0.2, "as set")


def test_bystanders_do_not_move_the_margin() -> None:
    noisy = [entrant(str(i), 0.7 + i / 100, [0.6, 0.8 + i / 10, 0.7]) for i in range(4)]
    info = measured(QUALITY, noisy)
    assert (info.margin, info.unit, info.larger_is_better) == (0.005, "score", True)
    assert measured(LATENCY, noisy).margin == 0.05


def test_a_lead_among_many_has_to_be_larger() -> None:
    # Of two points there is one pair: 1.96 deviations. Ten independent ones make 45 pairs.
    rng = np.random.default_rng(0)
    many = [entrant(str(i), 0.7, (0.7 + rng.normal(0, 0.01, 2000)).tolist()) for i in range(10)]
    assert measured(QUALITY, many[:2]).critical == pytest.approx(1.96, abs=0.12)
    # The studentised range of ten groups, 4.47 at 95 %, over the root of two.
    assert measured(QUALITY, many).critical == pytest.approx(4.474 / 2**0.5, abs=0.12)
    assert measured(LATENCY, many).critical == 1.96
    (axis,) = place([QUALITY], [measured(QUALITY, many)], many)
    assert axis.critical == measured(QUALITY, many).critical


def test_files_that_agree_count_as_one() -> None:
    rng = np.random.default_rng(0)
    draws = 0.7 + rng.normal(0, 0.01, 2000)
    same = [entrant(str(i), 0.7, draws.tolist()) for i in range(10)]
    other = entrant("other", 0.7, (0.7 + rng.normal(0, 0.01, 2000)).tolist())
    assert measured(QUALITY, same).critical == 1.96
    assert measured(QUALITY, [*same, other]).critical == pytest.approx(1.96, abs=0.12)


def test_wave_and_core_are_compared_apart() -> None:
    run = make_run({SMALL: [Made(0.7, 5.0), Made(0.7, 5.0, "core-float32")]})
    wave, core = device_of(run).points
    rng = np.random.default_rng(0)
    entrants = [
        Entrant(f"{point.input} {i}", point, {MEAN: 0.7 + rng.normal(0, 0.01, 2000)})
        for point in (wave, core)
        for i in range(2)
    ]
    # Each input has one pair; all four together would have six.
    assert measured(QUALITY, entrants).critical < 2.2


def test_places() -> None:
    # Of three tasks; the interval of the mean is 0.02 to each side, a task's sqrt(3) times that.
    first, other = entrant("a", 0.70, [0.6, 0.8]), entrant("b", 0.75)
    quality, latency, size = (
        place([axis], measure_axes([axis], [first, other]), [first, other])[0]
        for axis in (QUALITY, LATENCY, AxisSettings(metric="bytes"))
    )
    assert list(quality.values) == [0.70, 0.75] and quality.margin == 0.005
    assert quality.low == pytest.approx([0.68, 0.73]) and quality.high == pytest.approx([0.72, 0.77])
    assert quality.draws is not None and quality.draws[0].tolist() == [0.6, 0.8]
    assert np.isnan(quality.draws[1]).all()
    assert latency.low == pytest.approx([0.49, 0.49]) and latency.high == pytest.approx([0.51, 0.51])
    assert latency.relative and not latency.larger_is_better and latency.draws is None
    assert list(size.values) == [1e6, 1e6] and not size.larger_is_better

    of_task = AxisSettings(metric="quality", task="keyword")
    (task,) = place([of_task], measure_axes([of_task], [first, other]), [first, other])
    assert task.name == "quality on keyword" and list(task.values) == pytest.approx([0.75, 0.80])
    assert task.low == pytest.approx([0.75 - 0.02 * 3**0.5, 0.80 - 0.02 * 3**0.5])
    assert task.draws is None


def test_an_interval_beside_its_figure_is_widened_to_it() -> None:
    first = entrant("a", 0.70)
    odd = Entrant("a", first.point.model_copy(update={"quality_low": 0.71, "quality_high": 0.72}), {})
    (axis,) = place([QUALITY], measure_axes([QUALITY], [odd]), [odd])
    assert axis.low == pytest.approx([0.70]) and axis.high == pytest.approx([0.72])


def test_draws_of_different_number_are_an_error() -> None:
    entrants = [entrant("a", 0.7, [0.6, 0.7, 0.8]), entrant("b", 0.9), entrant("c", 0.8, [0.8, 0.8])]
    info = [
        AxisInfo(metric="quality", larger_is_better=True, margin=0.002, relative=False, unit="", source="")
    ]
    with pytest.raises(ValueError, match=r"bootstrap draws of the mean differ in number: \[2, 3\]"):
        place([QUALITY], info, entrants)


def changed(**figures: object) -> FrontierPoint:
    return entrant("a", 0.7).point.model_copy(update=figures)


@pytest.mark.parametrize(
    ("metric", "figures", "reason"),
    [
        ("peak_mib", {"peak_mib": None}, "peak_mib is an axis, but has no value"),
        ("peak_mib", {"peak_mib": 0.0}, r"peak_mib is an axis, but 0 \(0 to 0\) is not a valid value for it"),
        ("init_ms", {"init_ms": float("nan")}, "init_ms is an axis, but nan"),
        ("latency", {"latency_ratio_low": 0.0}, r"latency is an axis, but 0.5 \(0 to 0.51\)"),
        ("latency", {"latency_ratio_high": 0.4}, "latency is an axis, but 0.5"),
        ("quality", {"quality": float("inf")}, "quality is an axis, but inf"),
        ("quality", {"quality_low": float("nan")}, "quality is an axis, but 0.7"),
    ],
)
def test_what_has_no_place(metric: str, figures: dict[str, object], reason: str) -> None:
    found = misplaced(changed(**figures), [AxisSettings(metric=metric)])
    assert re.match(reason, found)
    assert misplaced(changed(), [AxisSettings(metric=metric)]) == ""


def test_a_task_without_score_has_no_place() -> None:
    axis = AxisSettings(metric="quality", task="music")
    assert misplaced(changed(), [axis]) == "quality on music is an axis, but has no value"


@given(st.lists(st.floats(0.5, 0.9), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_critical_value_does_not_depend_on_the_order(qualities: list[float], random: Random) -> None:
    rng = np.random.default_rng(len(qualities))
    point = changed()
    entrants = [
        Entrant(f"{i}", point.model_copy(update={"quality": q}), {MEAN: q + rng.normal(0, 0.1, 5)})
        for i, q in enumerate(qualities)
    ]
    shuffled = list(entrants)
    random.shuffle(shuffled)
    info = measured(QUALITY, entrants)
    assert measured(QUALITY, shuffled).critical == pytest.approx(info.critical)


def test_draws_are_read_by_point(tmp_path: Path) -> None:
    run = make_run({SMALL: [Made(0.7, 5.0), Made(0.7, 4.0, "wave-dynamic")]})
    folder = tmp_path / "samples"
    folder.mkdir()
    scores = np.array([[0.1, 0.2], [0.3, 0.4], [0.8, 0.9]], np.float32)
    np.savez(folder / "wave-float32.npz", tasks=np.array(["speaker", "keyword", "language"]), scores=scores)
    # One of the three does not decide.
    (first, *others) = run.noss[0].results
    tasks = [
        task.model_copy(update={"shown_only": "a smoke test" if task.task == "language" else ""})
        for task in first.tasks
    ]
    run.noss[0] = run.noss[0].model_copy(
        update={"results": [first.model_copy(update={"tasks": tasks}), *others]}
    )
    found = read_draws([(run.noss[0], tmp_path)], ["keyword"])
    assert list(found) == [f"{SMALL.candidate_id}/wave-float32"]
    (draws,) = found.values()
    assert sorted(draws) == ["", "keyword"]
    assert draws[MEAN] == pytest.approx([0.2, 0.3]) and draws["keyword"] == pytest.approx([0.3, 0.4])


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        {"tasks": np.array(["a"]), "scores": np.array([[0.5, 1.0]])},
        {"tasks": np.array(TASKS), "scores": np.array([[np.nan, 1.0]] * 3)},
        {"tasks": np.array(["a", "b"]), "scores": np.array([[0.5, 1.0]])},
        {"tasks": np.array(["a"])},
        {"tasks": np.array(["a"]), "scores": np.array([0.5, 1.0])},
    ],
)
def test_draws_that_cannot_be_read(tmp_path: Path, content: bytes | dict[str, Any]) -> None:
    run = make_run({SMALL: [Made(0.7, 5.0)]})
    path = tmp_path / "samples" / "wave-float32.npz"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(ValueError, match=r"wave-float32.npz: bootstrap draws"):
        read_draws([(run.noss[0], tmp_path)], [])


def test_cold_starts_have_their_sessions_interval() -> None:
    first, second = entrant("told", 0.75).point, entrant("untold", 0.7).point
    told = first.model_copy(
        update={"init_ms": 2.0, "init_low_ms": 1.5, "init_high_ms": 2.5, "peak_mib": 6.0, "peak_low_mib": 5.0}
    )
    entrants = [Entrant(name, point, {}) for name, point in (("told", told), ("untold", second))]
    for metric, low, high in (("init_ms", 1.5, 2.5), ("peak_mib", 6.0, 6.0)):
        axes = [AxisSettings.model_validate({"metric": metric})]
        (axis,) = place(axes, measure_axes(axes, entrants), entrants)
        assert axis.low is not None
        assert axis.high is not None
        assert (axis.low[0], axis.high[0]) == (low, high)
        assert axis.low[1] == axis.values[1] == axis.high[1]
        assert misplaced(told, axes) == ""
