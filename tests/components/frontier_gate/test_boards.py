"""A device that measures no time: memory and arithmetic decide, and nothing asks it for milliseconds."""

from __future__ import annotations

from typing import Any

import pytest

from components.common.frontier.settings import AxisSettings, GateDemands, Goal, axes_on
from components.frontier_gate import picture
from schemas.devices import AdbDevice, Budget, HostDevice, MicroDevice
from schemas.standing_faults import point_faults, standing_faults
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
from tests.components.frontier_gate.page.pages import page_of
from tests.made_up_runs import Made, Run, make_run
from tests.students import mobilenet


def boards(*, devices: Any = None) -> Run:
    """5, 2 and 6 million products in 200, 80 and 240 KiB; the largest is no better than the first."""
    return make_run(
        {
            SMALL: [Made(0.75, 5.0, "core-int8", size=700_000)],
            TINY: [Made(0.70, 2.0, "core-int8", size=400_000)],
            LARGE: [Made(0.75, 6.0, "core-int8", size=900_000)],
        },
        devices=devices or {"board": 1.0},
        doubt=0,
    )


def blessed(device: DeviceVerdict) -> set[str]:
    return {point.candidate_id for point in device.blessed}


def test_quality_competes_with_arithmetic_where_no_time_is_measured() -> None:
    device = device_of(boards())
    assert [(axis.metric, axis.margin) for axis in device.axes] == [("quality", 0.005), ("mega_macs", 0.02)]
    assert blessed(device) == {SMALL.candidate_id, TINY.candidate_id}
    large = point_of(device, LARGE, "core-int8")
    assert large.dominated_by == [f"{SMALL.candidate_id}/core-int8"]
    assert (large.latency_ms, large.latency_ratio, large.peak_mib, large.init_ms) == (None,) * 4
    assert (large.mega_macs, large.arena_kib) == (6.0, 240.0)
    assert point_faults(large, timed=False) == []
    assert device.closed == [] and device.reference_ms is None
    (recommended,) = device.recommendations
    assert recommended.point_id == f"{SMALL.candidate_id}/core-int8"


def test_each_device_has_the_axes_that_it_can_tell() -> None:
    axes = tuple(
        AxisSettings(metric=metric) for metric in ("quality", "latency", "peak_mib", "init_ms", "bytes")
    )
    assert axes_on(axes, timed=True) == axes
    assert [axis.metric for axis in axes_on(axes, timed=False)] == [
        "quality",
        "mega_macs",
        "arena_kib",
        "bytes",
    ]
    both = tuple(
        AxisSettings(metric=metric)
        for metric in ("quality", "latency", "mega_macs", "arena_kib", "flash_kib")
    )
    assert [axis.metric for axis in axes_on(both, timed=True)] == ["quality", "latency", "flash_kib"]
    assert [axis.metric for axis in axes_on(both, timed=False)] == [
        "quality",
        "mega_macs",
        "arena_kib",
        "flash_kib",
    ]


def test_a_board_beside_a_phone_is_judged_by_itself() -> None:
    verdict = verdict_of(boards(devices={"board": 1.0, "pixel": 1.0}))
    board, pixel = verdict.devices
    assert verdict.closed == []
    assert pixel.points[0].latency_ms is not None and pixel.points[0].arena_kib is None
    assert [axis.metric for axis in pixel.axes] == ["quality", "latency"]
    assert blessed(board) == blessed(pixel)


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (Budget(arena_kib=200), {SMALL, TINY}),
        (Budget(arena_kib=199.9), {TINY}),
        (Budget(flash_kib=400), {TINY}),  # 400,000 bytes are 390.6 KiB
        (Budget(flash_kib=390), set()),
        (Budget(mega_macs=5), {SMALL, TINY}),
        (Budget(mega_macs=4.9, arena_kib=1000), {TINY}),
        (Budget(mega_macs=1, input="wave"), {SMALL, TINY}),
    ],
)
def test_budgets_of_a_board(budget: Budget, kept: set[Any]) -> None:
    device = device_of(boards(), budgets={"board": (budget,)})
    assert blessed(device) == {spec.candidate_id for spec in kept}


def test_a_budget_that_nothing_meets_names_the_nearest_and_by_how_much() -> None:
    # TINY has 80 KiB of arena and 390.6 KiB of flash, SMALL 200 and 683.6: the worse of the two counts.
    device = device_of(boards(), budgets={"board": (Budget(arena_kib=64, flash_kib=380),)})
    (reason,) = device.closed
    tiny, small = f"{TINY.candidate_id}/core-int8", f"{SMALL.candidate_id}/core-int8"
    assert (
        f"nearest: {tiny} is off by 25.0% (budget: tensor arena at most 64 KiB: it has 80); {small} is off "
        "by 212.5% (budget: tensor arena at most 64 KiB: it has 200)" in reason
    )
    assert "flash at most 380 KiB: missed by 3 of 3" in reason


def test_goals_speak_of_a_board_too() -> None:
    device = device_of(
        boards(), goals=(Goal(metric="arena_kib", limit=100), Goal(metric="mega_macs", limit=3))
    )
    assert blessed(device) == {TINY.candidate_id}
    missed = point_of(device, SMALL, "core-int8").reasons
    assert "misses: tensor arena at most 100 KiB (it has 200)" in missed
    assert "misses: multiply-accumulates at most 3 million (it has 5)" in missed


def test_what_does_not_run_there_is_refused_with_its_reason() -> None:
    run = boards()
    (report,) = run.latencies
    gone, *others = report.footprints
    failures = {gone.key: "operator CONV_2D, number 38 of the file, does not prepare (Hybrid models)"}
    run.latencies = [report.model_copy(update={"footprints": others, "failures": failures})]
    device = device_of(run)
    (refused,) = device.refused
    assert refused.reason == f"no footprint: {failures[gone.key]}"
    assert device.closed == []


def test_a_board_that_runs_nothing_is_closed() -> None:
    run = boards()
    (report,) = run.latencies
    run.latencies = [report.model_copy(update={"footprints": []})]
    assert device_of(run).closed == ["no variant runs on it"]


def test_figures_that_cannot_be_true_are_refused() -> None:
    run = boards()
    (report,) = run.latencies
    first, second, third = report.footprints
    odd = [
        first.model_copy(update={"arena_bytes": 1}),
        second.model_copy(update={"sha256": "1" * 64}),
        third.model_copy(update={"bytes": third.bytes + 1}),
    ]
    run.latencies = [report.model_copy(update={"footprints": odd})]
    reasons = " | ".join(one.reason for one in device_of(run).refused)
    assert "its footprint: arena_bytes is 1" in reasons
    assert "the device ran another file" in reasons
    assert "it is of a core file of" in reasons


def test_a_registered_model_of_the_board_competes() -> None:
    # A phone stood beside the board then, and not now: whatever was timed there, the board's figures compare.
    devices = {"board": 1.0, "pixel": 1.0}
    run = make_run({mobilenet("tiny", 2.0): [Made(0.75, 1.0, "core-int8")]}, devices=devices, doubt=0)
    champion = registered_from(run, "3", ("champion",))
    assert champion.standing is not None
    assert standing_faults(champion.standing) == []
    device = device_of(boards(), registered=(champion,))
    (rival,) = device.registered
    assert (rival.competes, rival.mega_macs, rival.arena_kib) == (True, 1.0, 40.0)
    assert point_of(device, SMALL, "core-int8").dominated_by == ["tinytrill-host v3 (champion)"]


def test_figures_of_another_kind_of_device_are_no_standing() -> None:
    timed = point_of(device_of(make_run({SMALL: [Made(0.75, 5.0)]})), SMALL)
    counted = point_of(device_of(boards()), SMALL, "core-int8")
    assert point_faults(timed) == point_faults(counted, timed=False) == []
    assert "has no arena_kib" in "; ".join(point_faults(timed, timed=False))
    assert "has no latency_ms" in "; ".join(point_faults(counted))


def test_the_page_and_the_picture_show_what_is_counted() -> None:
    budgets = {"board": (Budget(mega_macs=5.5), Budget(arena_kib=220), Budget(flash_kib=800))}
    run, settings = boards(devices={"board": 1.0, "pixel": 1.0}), GateDemands(budgets=budgets)
    verdict = verdict_of(run, budgets=budgets)
    assert picture.render(verdict, budgets)[:4] == b"\x89PNG"
    outline = page_of(run, settings)
    board = outline.by_id("device-board").text
    assert "Quality against multiply-accumulates" in board and "it measures no time" in board
    assert "Memory and arithmetic, file by file" in board and "Persistent buffer data: 1" in board
    assert "budget: at most 5.5 M multiply-accumulates" in outline.by_id("chart-board-core").text
    assert " ms" not in outline.by_id("frontier-board").text
    choices = outline.by_id("choices-board")
    assert [cell.text for cell in choices.all("th")][:5] == [
        *("Best first", "Quality", "M multiply-accumulates", "Arena KiB", "MiB")
    ]
    # The teacher and the baselines among them: no row is shorter than the others.
    for table in ("choices-board", "frontier-board", "points-board", "choices-pixel", "points-pixel"):
        rows = [row for row in outline.by_id(table).all("tr")]
        cells = {len(row.all("th")) + len(row.all("td")) for row in rows}
        assert len(rows) > 2 and len(cells) == 1, table
    assert "ship this" in choices.text and "5 200 0.67 " in choices.text
    assert "200 KiB arena, 5 M multiply-accumulates, 0.67 MiB." in outline.by_id("answer").text
    assert "device latency, p50 in ms" in outline.by_id("chart-pixel-core").text


@pytest.mark.parametrize(
    ("device", "budget", "foreign", "accepted"),
    [
        (MicroDevice, Budget(milliseconds=5), "milliseconds", "arena_kib, flash_kib, mega_macs"),
        (HostDevice, Budget(arena_kib=5), "arena_kib", "milliseconds, real_time_factor"),
    ],
)
def test_a_budget_is_of_what_the_device_measures(
    device: Any, budget: Budget, foreign: str, accepted: str
) -> None:
    with pytest.raises(
        ValueError, match=f"limits {foreign}, which such a device does not measure; accepted: {accepted}"
    ):
        device(budgets=(budget,))
    with pytest.raises(ValueError, match="a budget needs one of milliseconds, real_time_factor, arena_kib"):
        Budget()
    AdbDevice(serial="1", benchmark_model="tool", budgets=(Budget(milliseconds=5),))


def test_a_stream_file_on_a_board_competes_with_stream_files() -> None:
    run = make_run(
        {
            SMALL: [Made(0.75, 5.0, "core-int8"), Made(0.75, 6.0, "stream-int8")],
            TINY: [Made(0.70, 8.0, "stream-int8")],
        },
        devices={"board": 1.0},
        doubt=0,
    )
    device = device_of(run, budgets={"board": (Budget(mega_macs=7, input="stream"),)})
    assert device.window_ms("stream") is None
    stream = f"{SMALL.candidate_id}/stream-int8"
    assert point_of(device, TINY, "stream-int8").dominated_by == [stream]
    assert {one.input: one.point_id for one in device.recommendations} == {
        "core": f"{SMALL.candidate_id}/core-int8",
        "stream": stream,
    }
    assert picture.render(verdict_of(run), {})[:4] == b"\x89PNG"
    outline = page_of(run, GateDemands())
    assert " ms" not in outline.by_id("answer").text + outline.by_id("points-board").text
    assert "million" in outline.by_id("chart-board-stream").text
