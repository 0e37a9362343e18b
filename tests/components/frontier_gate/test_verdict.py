"""What the gate decides device by device, when it is closed, and what it says."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from components.common.frontier.incumbents import benchmark_digest
from components.common.frontier.settings import AxisSettings, Goal
from schemas.devices import Budget
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.verdicts import DeviceVerdict
from tests.components.frontier_gate.judging import (
    LARGE,
    SMALL,
    TINY,
    device_of,
    point_of,
    registered_from,
    verdict_of,
)
from tests.made_up_runs import REFERENCE_SHA256, Made, Run, demo_run, make_measurement, make_run

TWO = {SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]}


def test_frontier_and_losers() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)], LARGE: [Made(0.72, 9.0)]})
    verdict = verdict_of(run)
    (device,) = verdict.devices
    assert [p.blessed for p in device.points] == [True, False, True]
    loser = point_of(device, LARGE)
    assert loser.dominated_by == [point_of(device, SMALL).point_id]
    assert loser.reasons == [f"beaten by {SMALL.candidate_id}/wave-float32"]
    assert verdict.synthetic and verdict.run_name == "test" and verdict.reference_sha256 == REFERENCE_SHA256
    assert verdict.summary == device.summary
    assert device.summary == "host: 2 blessed (3 points, 2 on the frontier, 0 variants refused)."
    assert [(one.model, one.quality) for one in (verdict.teacher, *verdict.baselines)] == [
        ("teacher", 0.8),
        ("logmel", 0.6),
    ]


def test_streams_compete_with_streams_and_keep_to_a_share_of_real_time() -> None:
    # A chunk is 0.24 s: 2 ms are a real-time factor of 0.0083, 4 ms one of 0.0167.
    run = make_run(
        {
            SMALL: [Made(0.75, 5.0), Made(0.75, 4.0, "stream-float32")],
            TINY: [Made(0.70, 9.0), Made(0.70, 2.0, "stream-float32")],
        }
    )
    budget = Budget(percentile="p50", real_time_factor=0.01, input="stream")
    device = device_of(run, budgets={"host": (budget,)}, host_may_bless=True)
    assert not device.refused
    found = {(p.candidate_id, p.variant): (p.on_frontier, p.blessed) for p in device.points}
    assert found == {
        (SMALL.candidate_id, "wave-float32"): (True, True),
        (TINY.candidate_id, "wave-float32"): (False, False),
        (SMALL.candidate_id, "stream-float32"): (True, False),
        (TINY.candidate_id, "stream-float32"): (True, True),
    }
    assert [device.window_ms(kind) for kind in ("wave", "core", "stream")] == [960, None, 240]


def test_each_device_has_its_own_frontier() -> None:
    run = make_run(TWO, devices={"pixel": 1.0, "watch": 1.0})
    pixel, watch = run.latencies
    # On the watch the small student is faster than the tiny one.
    small, tiny = watch.measurements
    slow = make_measurement(TINY.candidate_id, Made(0, 6.0), tiny.sha256)
    run.latencies = [pixel, watch.model_copy(update={"measurements": [small, slow]})]
    verdict = verdict_of(run)
    assert [device.device for device in verdict.devices] == ["pixel", "watch"]
    assert [[p.blessed for p in device.points] for device in verdict.devices] == [[True, True], [True, False]]
    assert verdict.summary == " ".join(device.summary for device in verdict.devices)
    assert [(device.device, point.candidate_id) for device, point in verdict.blessed] == [
        ("pixel", SMALL.candidate_id),
        ("pixel", TINY.candidate_id),
        ("watch", SMALL.candidate_id),
    ]


def test_only_the_same_input_competes() -> None:
    run = make_run({SMALL: [Made(0.70, 5.0, "wave-float32"), Made(0.75, 1.0, "core-float32")]})
    assert all(point.on_frontier for point in device_of(run).points)


def test_goals_never_cut_the_frontier() -> None:
    device = device_of(make_run(TWO), goals=(Goal(metric="latency_ratio", limit=0.3),))
    small, tiny = point_of(device, SMALL), point_of(device, TINY)
    assert small.on_frontier and not small.goals_met and not small.blessed
    assert small.reasons == ["misses: latency ratio at most 0.3 x the reference network (it has 0.5)"]
    assert tiny.on_frontier and tiny.blessed


def test_dominance_is_decided_among_those_that_meet_the_goals() -> None:
    run = make_run({SMALL: [Made(0.75, 2.0, size=9_000_000)], TINY: [Made(0.70, 3.0, size=1_000_000)]})
    device = device_of(run, goals=(Goal(metric="bytes", limit=2_000_000),))
    small, tiny = point_of(device, SMALL), point_of(device, TINY)
    assert small.on_frontier and not small.blessed
    assert not tiny.on_frontier and tiny.blessed and tiny.dominated_by == [small.point_id]


def test_who_meets_the_goals_is_told_what_stands_in_its_place_among_those_that_do() -> None:
    run = make_run(
        {
            SMALL: [Made(0.75, 2.0, size=9_000_000)],
            TINY: [Made(0.73, 3.0, size=1_000_000)],
            LARGE: [Made(0.70, 4.0, size=1_000_000)],
        }
    )
    large = point_of(device_of(run, goals=(Goal(metric="bytes", limit=2_000_000),)), LARGE)
    assert large.dominated_by == [f"{SMALL.candidate_id}/wave-float32"]
    assert large.reasons == [f"beaten by {TINY.candidate_id}/wave-float32"]


def test_axes_decide_on_what_points_compete() -> None:
    # The large student is worse and slower, but a tenth of the size.
    run = make_run({SMALL: [Made(0.75, 5.0)], LARGE: [Made(0.70, 9.0, size=100_000)]})
    assert not point_of(device_of(run), LARGE).on_frontier
    axes = tuple(AxisSettings(metric=metric) for metric in ("quality", "latency", "bytes"))
    device = device_of(run, axes=axes)
    assert point_of(device, LARGE).on_frontier
    assert [axis.metric for axis in device.axes] == ["quality", "latency", "bytes"]
    assert device_of(run, axes=axes[:1]).points[1].reasons == [f"beaten by {SMALL.candidate_id}/wave-float32"]


def test_an_axis_of_one_task_and_its_draws(tmp_path: Path) -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], LARGE: [Made(0.74, 5.0)]})
    axes = (AxisSettings(metric="quality", task="keyword"),)
    # By their own intervals, 0.07 wide, nothing tells them apart; by their draws 0.01 is far.
    assert [p.on_frontier for p in device_of(run, axes=axes).points] == [True, True]
    assert [p.on_frontier for p in device_of(run, axes=axes, samples=tmp_path).points] == [True, False]
    with pytest.raises(ValueError, match="axis of task 'music': it was not evaluated; there are language"):
        device_of(run, axes=(AxisSettings(metric="quality", task="music"),))


def test_wide_intervals_keep_both() -> None:
    # Half widths of 10 %: 6 % between two latencies says nothing, though the quality is the same.
    run = make_run({SMALL: [Made(0.70, 2.0, spread=0.1)], TINY: [Made(0.70, 2.12, spread=0.1)]})
    device = device_of(run)
    assert [axis.margin for axis in device.axes] == [0.005, 0.05]
    assert all(point.on_frontier for point in device.points)


@pytest.mark.parametrize(
    ("ties", "stays", "why"),
    [
        ("smallest", "wave-dynamic", "the smaller file"),
        ("fastest", "wave-float32", "the cheaper one to run"),
        ("best", "wave-float16", "the one of better quality"),
    ],
)
def test_a_setting_picks_one_of_a_tie(ties: str, stays: str, why: str) -> None:
    tied = [
        Made(0.700, 2.00, "wave-float32", size=4_000_000),
        Made(0.701, 2.02, "wave-float16", size=2_000_000),
        Made(0.700, 2.01, "wave-dynamic", size=1_000_000),
    ]
    run = make_run({SMALL: tied, LARGE: [Made(0.65, 9.0)]})
    assert sum(point.on_frontier for point in device_of(run).points) == 3
    device = device_of(run, ties=ties)
    winner = f"{SMALL.candidate_id}/{stays}"
    assert [point.point_id for point in device.points if point.on_frontier] == [winner]
    for point in device.points[:3]:
        if point.variant != stays:
            assert (point.blessed, point.dominated_by) == (False, [winner])
            assert point.reasons == [f"tied with {winner}, which is {why}"]
    loser = point_of(device, LARGE)
    assert loser.dominated_by == [winner]
    first = loser.reasons[0].split(", in whose place ")[0]
    assert first.startswith(f"beaten by {SMALL.candidate_id}/")


def test_a_registered_model_is_never_kept_in_the_place_of_a_tied_one() -> None:
    run = make_run({SMALL: [Made(0.70, 2.0)]})
    twin = registered_from(make_run({LARGE: [Made(0.70, 2.0, size=1000)]}), "3")
    device = device_of(run, ties="smallest", registered=[twin])
    assert device.points[0].blessed and device.registered[0].beaten_by == []


def test_every_loser_is_beaten_by_a_frontier_point(tmp_path: Path) -> None:
    for samples in (None, tmp_path):
        device = device_of(demo_run(), samples=samples)
        frontier = {point.point_id for point in device.points if point.on_frontier}
        assert frontier and len(frontier) < len(device.points)
        for point in device.points:
            assert set(point.dominated_by) <= frontier
            assert point.on_frontier == (not point.dominated_by)
            assert bool(point.reasons) == (not point.blessed)


def test_the_order_of_the_reports_does_not_matter(tmp_path: Path) -> None:
    run = demo_run()
    (device,) = verdict_of(run, samples=tmp_path).devices
    order = list(range(len(run.converted)))
    Random(1).shuffle(order)
    run.converted = [run.converted[i] for i in order]
    run.noss = [run.noss[i] for i in order]
    (other,) = verdict_of(run, samples=tmp_path).devices
    assert (other.points, other.axes) == (device.points, device.axes)


def test_effects_are_part_of_the_verdict() -> None:
    assert {effect.factor for effect in device_of(demo_run()).effects} >= {"precision"}


# --- when it is closed ---------------------------------------------------------------------------


def closed(run: Run, reason: str, **options: Any) -> DeviceVerdict:
    """The one device's verdict: closed for this reason, and nothing blessed in any way."""
    verdict = verdict_of(run, **options)
    (device,) = verdict.devices
    assert device.closed == [reason]
    assert device.summary.startswith(f"{device.device}: closed, nothing may be pushed: {reason} (")
    assert verdict.closed == [f"{device.device}: {reason}"]
    assert verdict.blessed == [] and not any(point.blessed for point in device.points)
    assert all(point.reasons for point in device.points)
    return device


def lost(run: Run, reason: str) -> LatencyReport:
    return run.latencies[0].model_copy(
        update={"reference": None, "measurements": [], "failure": reason, "conditions": []}
    )


def test_closed_where_nothing_could_be_measured_while_other_devices_go_on() -> None:
    run = make_run(TWO, devices={"pixel": 1.0, "watch": 1.0})
    run.latencies = [lost(run, "device 8A1X is gone"), run.latencies[1]]
    verdict = verdict_of(run)
    pixel, watch = verdict.devices
    assert pixel.closed == ["nothing could be measured: device 8A1X is gone"]
    assert pixel.points == [] and len(pixel.refused) == 2
    assert pixel.refused[0].reason == "no latency measurement: device 8A1X is gone"
    assert len(watch.blessed) == 2 and watch.closed == []
    assert verdict.reference_sha256 == REFERENCE_SHA256
    assert verdict.closed == ["pixel: nothing could be measured: device 8A1X is gone"]

    run.latencies = run.latencies[:1]
    assert verdict_of(run).reference_sha256 == ""


def test_closed_without_a_measurement() -> None:
    run = make_run(TWO)
    run.latencies = [run.latencies[0].model_copy(update={"measurements": []})]
    closed(run, "no variant has a latency measurement")


def test_closed_without_a_valid_measurement() -> None:
    run = make_run(TWO)
    invalid = [
        measured.model_copy(update={"valid": False, "reasons": ["too short"]})
        for measured in run.latencies[0].measurements
    ]
    run.latencies = [run.latencies[0].model_copy(update={"measurements": invalid})]
    device = closed(run, "no latency measurement is valid: all 2 are refused")
    assert {each.reason for each in device.refused} == {"latency is invalid: too short"}


def test_closed_without_noss() -> None:
    run = make_run(TWO)
    run.noss = [NossReport(protocol="p", results=[]) for _ in run.noss]
    device = closed(run, "no variant has a NOSS result")
    assert {each.reason for each in device.refused} == {"no NOSS result"}


def test_closed_if_all_files_were_changed() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]})
    other = run.latencies[0].measurements[0].model_copy(update={"sha256": "b" * 64})
    run.latencies = [run.latencies[0].model_copy(update={"measurements": [other]})]
    (device,) = verdict_of(run).devices
    assert device.closed[0].startswith(
        f"no variant can compete: {SMALL.candidate_id}/wave-float32: latency was measured on another file"
    )


def test_closed_if_a_required_task_is_missing() -> None:
    device = closed(
        make_run(TWO),
        "required tasks were not evaluated: emotion; there are language, speaker, keyword",
        required_tasks=("speaker", "emotion"),
    )
    assert all(point.on_frontier for point in device.points)
    assert device.points[0].reasons == [f"the gate is closed: {device.closed[0]}"]
    assert device_of(make_run(TWO), required_tasks=("speaker", "keyword")).closed == []


def test_closed_if_no_point_meets_all_goals() -> None:
    device = closed(
        make_run(TWO),
        "no point meets all goals (latency ratio at most 0.1 x the reference network: missed by 2 of 2; "
        "quality at least 0.72: missed by 1 of 2); nearest: tiny-w1-gap-e2048/wave-float32 is off by 100.0% "
        "(latency ratio at most 0.1 x the reference network: it has 0.2); small-w1-gap-e2048/wave-float32 is "
        "off by 400.0% (latency ratio at most 0.1 x the reference network: it has 0.5)",
        goals=(Goal(metric="quality", limit=0.72), Goal(metric="latency_ratio", limit=0.1)),
    )
    assert all(point.on_frontier for point in device.points)


@pytest.mark.parametrize(
    ("settings", "demand"),
    [
        ({"goals": (Goal(metric="latency", limit=9),)}, "p50 latency at most 9 ms"),
        ({"goals": (Goal(metric="real_time_factor", limit=1),)}, "real-time factor at most 1"),
        ({"goals": (Goal(metric="init_ms", limit=9),)}, "init at most 9 ms"),
        (
            {
                "budgets": {
                    "host": (Budget(percentile="p90", milliseconds=9, real_time_factor=1, input="core"),)
                }
            },
            "budget: p90 latency at most 9 ms (core only); "
            "budget: p90 real-time factor at most 1 (core only)",
        ),
    ],
)
def test_closed_if_the_host_is_asked_for_a_devices_time(settings: dict[str, Any], demand: str) -> None:
    reason = (
        f"figures of the host cannot show that a device keeps to: {demand} "
        "(gate.host_may_bless: true takes them for it)"
    )
    closed(make_run(TWO), reason, **settings)
    assert len(device_of(make_run(TWO), host_may_bless=True, **settings).blessed) == 2
    on_phone = {"budgets": {"pixel": settings["budgets"]["host"]}} if "budgets" in settings else settings
    assert len(device_of(make_run(TWO, devices={"pixel": 1.0}), **on_phone).blessed) == 2


@pytest.mark.parametrize(
    "goal",
    [
        Goal(metric="latency_ratio", limit=1),
        Goal(metric="latency", kind="max_degradation", against="champion", limit=0.1, relative=True),
    ],
)
def test_the_host_may_tell_ratios(goal: Goal) -> None:
    assert device_of(make_run(TWO), goals=(goal,)).closed == []


def test_a_goal_for_other_devices_does_not_close_the_host() -> None:
    run = make_run(TWO, devices={"host": 1.0, "pixel": 1.0})
    verdict = verdict_of(run, goals=(Goal(metric="latency", limit=9, devices=("pixel",)),))
    assert verdict.closed == []


def test_a_host_that_measured_nothing_is_not_asked_for_time() -> None:
    run = make_run(TWO)
    run.latencies = [lost(run, "no process starts")]
    closed(run, "nothing could be measured: no process starts", budgets={"host": (Budget(milliseconds=9),)})


def test_all_reasons_are_named() -> None:
    run = make_run(TWO)
    device = device_of(
        run,
        required_tasks=("emotion",),
        goals=(Goal(metric="latency", limit=1),),
    )
    assert len(device.closed) == 3


# --- what does not belong together ---------------------------------------------------------------


def test_devices_must_time_the_same_reference() -> None:
    run = make_run(TWO, devices={"pixel": 1.0, "watch": 1.0})
    pixel, watch = run.latencies
    assert watch.reference is not None
    other = watch.reference.model_copy(update={"sha256": "c" * 64})
    run.latencies = [pixel, watch.model_copy(update={"reference": other})]
    with pytest.raises(
        ValueError, match=r"the same reference model.*pixel: ffffffffffff, watch: cccccccccccc"
    ):
        verdict_of(run)


def test_one_report_a_device() -> None:
    run = make_run(TWO)
    run.latencies *= 2
    with pytest.raises(ValueError, match="one latency report a device, given more than once: host"):
        verdict_of(run)
    run.latencies = []
    with pytest.raises(ValueError, match="a latency report of at least one device"):
        verdict_of(run)


def test_the_benchmark_digest_is_of_all_that_decides_a_quality() -> None:
    teacher = make_run(TWO).teacher.results[0]
    first = benchmark_digest(teacher, "p")
    tasks = teacher.tasks
    same = {"tasks": tasks[::-1], "mean": 0.1, "code_version": "a comment was changed"}
    assert benchmark_digest(teacher.model_copy(update=same), "p") == first
    others = [
        benchmark_digest(teacher, "q"),
        benchmark_digest(teacher.model_copy(update={"tasks": tasks[1:]}), "p"),
        *(
            benchmark_digest(
                teacher.model_copy(update={"tasks": [tasks[0].model_copy(update=change), *tasks[1:]]}), "p"
            )
            for change in ({"task": "x"}, {"task_digest": "x"}, {"data_digest": "x"}, {"shown_only": "x"})
        ),
    ]
    assert len({first, *others}) == 7
