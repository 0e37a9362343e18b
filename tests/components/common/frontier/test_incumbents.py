"""Registered models: which compete, and what happens to those that are beaten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.frontier.draws import MEAN, pack, unpack
from components.common.frontier.settings import GateDemands, Goal, Slice
from components.common.tracking.registered import RegisteredVersion
from components.frontier_gate.verdict import reach_verdict
from schemas.comparison_reports import ModelSlices
from schemas.noss_reports import SliceFigure, TfmaSummary
from tests.components.frontier_gate.judging import (
    LARGE,
    NOWHERE,
    SMALL,
    TINY,
    device_of,
    point_of,
    registered_from,
    verdict_of,
)
from tests.made_up_runs import Made, Run, make_comparison, make_run


@pytest.fixture
def run() -> Run:
    return make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})


def earlier(
    quality: float = 0.75, latency_ms: float = 8.0, name: str = "wave-float32", size: int = 10**6
) -> Run:
    return make_run({LARGE: [Made(quality, latency_ms, name, size=size)]})


def test_a_beaten_champion_is_reported(run: Run, tmp_path: Path) -> None:
    before = registered_from(earlier(), "3", ("champion", "stable"), samples=tmp_path / "then")
    device = device_of(run, registered=[before], samples=tmp_path / "now")
    (registered,) = device.registered
    assert registered.competes and registered.reason == ""
    assert registered.beaten_by == [point_of(device, SMALL).point_id]
    assert (registered.name, registered.run_name) == ("tinytrill-host v3 (champion, stable)", "earlier")
    assert (registered.quality, registered.latency_ms, registered.bytes) == (0.75, 8.0, 10**6)
    assert [point.blessed for point in device.points] == [True, True]


def test_a_champion_that_stands_puts_out_what_it_beats(run: Run, tmp_path: Path) -> None:
    # 4 ms at the same quality: the small student's 5 ms are beaten, the tiny one's 2 ms are not.
    before = registered_from(earlier(0.75, 4.0), "3", samples=tmp_path / "then")
    device = device_of(run, registered=[before], samples=tmp_path / "now")
    (registered,) = device.registered
    assert registered.competes and registered.beaten_by == []
    small, tiny = point_of(device, SMALL), point_of(device, TINY)
    assert (small.on_frontier, small.blessed, tiny.blessed) == (False, False, True)
    assert small.dominated_by == ["tinytrill-host v3"] and small.reasons == ["beaten by tinytrill-host v3"]
    assert device.closed == []


@pytest.mark.parametrize("kept", [True, False], ids=["draws kept", "no draws"])
def test_champions_compete_by_their_draws(run: Run, kept: bool, tmp_path: Path) -> None:
    # Better by 0.02 at the same speed: far for draws of the same clips, nothing for intervals of +-0.02.
    before = registered_from(earlier(0.77, 5.0), "3", samples=tmp_path / "then" if kept else None)
    assert before.standing is not None
    assert bool(before.standing.point.quality_draws) == kept
    device = device_of(run, registered=[before], samples=tmp_path / "now")
    assert point_of(device, SMALL).on_frontier is not kept


def test_draws_of_another_number_are_not_paired(run: Run, tmp_path: Path) -> None:
    before = registered_from(earlier(0.77, 5.0), "3", samples=tmp_path / "then")
    assert before.standing is not None
    point = before.standing.point
    fewer = point.model_copy(update={"quality_draws": pack(unpack(point.quality_draws)[MEAN][:-1])})
    odd = other(before, point=fewer)
    device = device_of(run, registered=[odd], samples=tmp_path / "now")
    assert device.registered[0].competes and point_of(device, SMALL).on_frontier


@pytest.mark.parametrize("text", ["", "no base64!", "YQ=="])
def test_draws_that_are_none(text: str) -> None:
    assert unpack(text) == {}


def test_nothing_new_on_the_frontier_closes_the_gate(run: Run) -> None:
    device = device_of(run, registered=[registered_from(earlier(0.80, 1.0), "3")])
    assert device.blessed == []
    assert device.closed == [
        "nothing is on the frontier: whatever meets all goals is beaten by models already registered"
    ]
    assert device.summary.startswith("host: closed, nothing may be pushed: nothing is on the frontier")


def test_a_registered_model_that_misses_the_goals_bars_nothing(run: Run) -> None:
    best = registered_from(earlier(0.80, 1.0, size=3_000_000), "3")
    device = device_of(run, registered=[best], goals=(Goal(metric="bytes", limit=2_000_000),))
    # It still stands above all on the frontier of everything, but cannot ship: what can, is blessed.
    assert [point.on_frontier for point in device.points] == [False, False]
    assert [point.blessed for point in device.points] == [True, True]
    assert device.registered[0].competes and device.closed == []


def test_a_slice_of_this_runs_point_is_none_of_a_registered_one_of_the_same_name(run: Run) -> None:
    name = f"{SMALL.candidate_id}/wave-float32"
    figure = SliceFigure(task="language", feature="class", value="anger", n=20, accuracy=0.9, low=0.85,
                         high=0.95, interval="jackknife", gap=0)  # fmt: skip
    sliced = ModelSlices(model=name, tfma=TfmaSummary(min_slice=10, slices=[figure], validated=True))
    comparison = make_comparison(run).model_copy(update={"slices": [sliced]})
    goal = Goal(metric="quality", task="language", slice=Slice(feature="class", value="anger"), limit=0.8)
    namesake = registered_from(make_run({SMALL: [Made(0.80, 1.0, content=b"other weights")]}), "3")
    device = device_of(run, registered=[namesake], goals=(goal,), comparison=comparison)
    # It beats all, but nothing says that it meets the goal.
    assert device.registered[0].competes and device.registered[0].point_id == name
    small = point_of(device, SMALL)
    assert (small.on_frontier, small.blessed) == (False, True)


def test_it_competes_with_its_own_input_only(run: Run) -> None:
    device = device_of(run, registered=[registered_from(earlier(0.80, 1.0, "core-float32"), "3")])
    assert all(point.blessed for point in device.points)
    assert device.registered[0].competes and device.registered[0].beaten_by == []


def test_registered_models_beat_one_another(run: Run) -> None:
    device = device_of(
        run, registered=[registered_from(earlier(0.80, 1.0), "3"), registered_from(earlier(0.70, 9.0), "2")]
    )
    assert [one.beaten_by for one in device.registered] == [[], ["tinytrill-host v3"]]


def other_machine(version: RegisteredVersion, **changes: object) -> RegisteredVersion:
    assert version.standing is not None
    return other(version, machine=version.standing.machine.model_copy(update=changes))


def other_point(version: RegisteredVersion, **changes: object) -> RegisteredVersion:
    assert version.standing is not None
    return other(version, point=version.standing.point.model_copy(update=changes))


def other(version: RegisteredVersion, **changes: object) -> RegisteredVersion:
    assert version.standing is not None
    return replace(version, standing=version.standing.model_copy(update=changes))


def test_what_does_not_compare_does_not_compete(run: Run) -> None:
    strong = registered_from(earlier(0.80, 1.0), "1")
    own = registered_from(run, "2", variant=0)
    cases = {
        "measured on host (Test CPU, LiteRT 2.3.0, XNNPACK, threads: 4, cores 2), not on "
        "host (Test CPU, LiteRT 2.3.0, XNNPACK, threads: 1)": other_machine(strong, threads=4, cores="2"),
        "measured against another reference model: sha256 aaaaaaaaaaaa, not ffffffffffff": other(
            strong, reference_sha256="a" * 64
        ),
        "its quality comes from other tasks, clips or rules: benchmark digest bbbbbbbbbbbb, not "
        + verdict_of(run).benchmark_digest[:12]: other(strong, benchmark_digest="b" * 64),
        "judged by recorded sound, not by synthetic sound": other(strong, synthetic=False),
        f"the same file as {SMALL.candidate_id}/wave-float32 of this run": own,
        "quality is an axis, but nan (0.78 to 0.82) is not a valid value for it": other_point(
            strong, quality=float("nan")
        ),
    }
    for reason, version in cases.items():
        device = device_of(run, registered=[version])
        (registered,) = device.registered
        assert (registered.competes, registered.reason, registered.beaten_by) == (False, reason, [])
        assert all(point.blessed for point in device.points)


def test_another_name_or_build_of_the_same_device_competes(run: Run) -> None:
    renamed = other_machine(registered_from(earlier(0.80, 1.0)), profile="lab", os="Linux 7", ambient="hot")
    assert device_of(run, registered=[renamed]).registered[0].competes


def test_each_device_competes_with_its_own_registered_models() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]}, devices={"host": 1.0, "phone": 2.0})
    strong = registered_from(earlier(0.80, 1.0), "3")
    verdict = reach_verdict(
        run.converted,
        [(report, NOWHERE) for report in run.noss],
        run.latencies,
        run.teacher.results[0],
        [],
        make_comparison(run),
        GateDemands(),
        "test",
        {"host": [strong]},
    )
    assert [[one.name for one in device.registered] for device in verdict.devices] == [
        ["tinytrill-host v3"],
        [],
    ]
    assert [len(device.blessed) for device in verdict.devices] == [0, 1]


def test_what_does_not_compete_changes_nothing_else(run: Run) -> None:
    champion = registered_from(run, "2", ("champion",), variant=0)
    alone, beside = (verdict_of(run, registered=some) for some in ((), (champion,)))
    (device,) = beside.devices
    bare = device.model_copy(update={"registered": []})
    assert len(device.registered) == 1 and alone == beside.model_copy(update={"devices": [bare]})


UNTRUE: dict[str, dict[str, Any]] = {
    "latency_ms 5.0 outside its interval": {"latency_low_ms": 6.0, "latency_high_ms": 7.0},
    "not above zero: latency_ratio = -0.5": {"latency_ratio": -0.5, "latency_ratio_low": -0.6},
    "not above zero: bytes = 0": {"bytes": 0},
    "not between 0 and 1: quality = 1.5": {"quality": 1.5, "quality_high": 1.6},
    "quality 0.75 outside its interval 0.8 to 0.9": {"quality_low": 0.8, "quality_high": 0.9},
    "quality, as a mean of its tasks, 0.75 outside": {"tasks": {"keyword": 0.2, "speaker": 0.3}},
    "p95_ms 0.001 is below": {"p95_ms": 0.001, "p99_ms": None},
    "latency_ms is 5, but its median is 9": {"p50_ms": 9.0, "p90_ms": 9.1, "p95_ms": 9.2, "p99_ms": 9.3},
    "below zero: peak_mib = -1": {"peak_mib": -1.0, "peak_low_mib": None},
    "not a finite number: init_ms = inf": {"init_ms": float("inf")},
    "not a finite number: latency_ms = nan": {"latency_ms": float("nan")},
    "is not a sha256": {"sha256": ""},
    "not that of a core file": {"input": "core"},
    "it is called other/wave-float32": {"point_id": "other/wave-float32"},
    "the draws of its quality cannot be read": {"quality_draws": "!"},
    "the mean of its draws 0.99": {"quality_draws": pack(np.full(200, 0.99))},
}


@pytest.mark.parametrize("reason", UNTRUE)
def test_what_is_kept_with_a_version_must_be_possible(run: Run, reason: str) -> None:
    """A standing that contradicts itself neither competes nor waives a goal against the champion."""
    champion = registered_from(make_run({LARGE: [Made(0.75, 5.0)]}), "3", ("champion",))
    goal = Goal(metric="quality", kind="max_degradation", against="champion", limit=0.5)
    (sound,) = device_of(run, registered=[champion], goals=(goal,)).registered
    assert sound.competes
    device = device_of(run, registered=[other_point(champion, **UNTRUE[reason])], goals=(goal,))
    (registered,) = device.registered
    assert not registered.competes and registered.beaten_by == []
    assert registered.reason.startswith(("what is kept with it cannot be true: ", "latency is an axis"))
    assert reason in registered.reason or "is not a valid value for it" in registered.reason
    assert all(not point.goals[0].met for point in device.points if point.input == registered.input)


def test_a_standing_of_an_impossible_machine_does_not_compete(run: Run) -> None:
    # A device's figures by the host's back end; identity says nothing of it.
    version = other_machine(registered_from(earlier(), "3"), is_device=True)
    (registered,) = device_of(run, registered=[version]).registered
    assert "figures of the back end 'host' are called those of a device" in registered.reason
