"""What stands where in the charts, before a reader chooses other axes."""

from __future__ import annotations

import pytest

from components.common.frontier.settings import GateDemands, Goal, Slice
from components.frontier_gate.page.chart_axes import ChartAxis
from components.frontier_gate.page.scatter import HEIGHT, WIDTH, Scatter, scatter, staircase, ticks
from components.frontier_gate.stairs import stairs
from schemas.devices import Budget
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict
from tests.components.frontier_gate.made_up import material_of, registered, verdict_on
from tests.made_up_runs import Made, Run, make_run
from tests.students import mobilenet

SLOW, MIDDLE, QUICK = mobilenet("large"), mobilenet("small"), mobilenet("tiny")


def run(devices: dict[str, float] | None = None) -> Run:
    """The slow one is the best, the quick one the worst, the middle one beaten by the quick one."""
    return make_run(
        {SLOW: [Made(0.7, 8.0)], MIDDLE: [Made(0.6, 4.0)], QUICK: [Made(0.65, 2.0, size=3 * 2**20)]},
        devices=devices,
    )


def chart_of(
    run: Run,
    settings: GateDemands | None = None,
    changes: dict[str, object] | None = None,
    kind: VariantInput = "wave",
) -> Scatter:
    settings = settings or GateDemands()
    verdict = verdict_on(run, settings)
    device: DeviceVerdict = verdict.devices[0].model_copy(update=changes or {})
    material = material_of(run, verdict, settings)
    chart = scatter(material, device, kind, "latency")
    assert chart
    return chart


def axis(axes: list[ChartAxis], key: str) -> ChartAxis:
    (found,) = [axis for axis in axes if axis.key == key]
    return found


def test_marks_stand_where_their_figures_are() -> None:
    marks = {mark.point.candidate_id: mark for mark in chart_of(run()).marks}
    slow, middle, quick = (marks[spec.candidate_id] for spec in (SLOW, MIDDLE, QUICK))
    assert quick.x < middle.x < slow.x
    # Latency spans a factor of 4, so equal ratios are equal lengths.
    assert middle.x - quick.x == pytest.approx(slow.x - middle.x, abs=0.2)
    assert slow.y < quick.y < middle.y
    assert [quick.number, slow.number, middle.number] == [1, 2, 0]
    assert [quick.status, slow.status, middle.status] == ["blessed", "blessed", "beaten"]


def test_what_is_beaten_lies_below_what_is_blessed() -> None:
    assert [mark.status for mark in chart_of(run()).marks] == ["beaten", "blessed", "blessed"]


def test_no_chart_without_a_point_of_the_input() -> None:
    verdict = verdict_on(run())
    material = material_of(run(), verdict)
    assert scatter(material, verdict.devices[0], "core", "latency") is None


def test_the_stairs_go_through_what_is_better_at_each_cost() -> None:
    assert staircase([]) == ""
    assert staircase([(100, 300)]) == f"M100 300H{WIDTH - 16:g}"
    # The third spot hides behind the second, the order does not matter.
    assert staircase([(300, 100), (200, 200), (250, 210), (100, 300)]) == (
        f"M100 300H200V200H300V100H{WIDTH - 16:g}"
    )


def test_stairs_on_every_pair_of_axes() -> None:
    chart = chart_of(run())
    assert set(chart.stairs) == {axis.key for axis in chart.x_axes}
    assert all(set(by_quality) == {axis.key for axis in chart.y_axes} for by_quality in chart.stairs.values())
    # The middle one is beaten, and the quick one's file is larger than the slow one's: one step is left.
    frontier, feasible = chart.stairs["mib"]["task:speaker"]
    size, score = axis(chart.x_axes, "mib"), axis(chart.y_axes, "task:speaker")
    best = next(mark.point for mark in chart.marks if mark.point.candidate_id == SLOW.candidate_id)
    x = size.scale.place(best.bytes / 2**20, 54, WIDTH - 16)
    y = score.scale.place(best.tasks["speaker"], HEIGHT - 48, 16)
    assert (frontier, feasible) == (f"M{x:g} {y:g}H{WIDTH - 16:g}", "")


def test_stairs_are_those_of_the_picture() -> None:
    assert stairs([]) == []
    assert stairs([(3.0, 0.9), (2.0, 0.8), (2.5, 0.7), (1.0, 0.5), (2.0, 0.85)]) == [
        (1.0, 0.5), (2.0, 0.5), (2.0, 0.85), (3.0, 0.85), (3.0, 0.9),
    ]  # fmt: skip


def test_stairs_of_what_the_goals_leave_only_where_they_differ() -> None:
    assert chart_of(run()).feasible == ""
    chart = chart_of(run(), GateDemands(goals=(Goal(metric="quality", limit=0.66),)))
    slow = next(mark for mark in chart.marks if mark.status == "blessed")
    assert chart.feasible == f"M{slow.x:g} {slow.y:g}H{WIDTH - 16:g}"
    assert chart.frontier.count("V") == 1


def test_nothing_is_blessed_behind_a_closed_gate() -> None:
    chart = chart_of(run(), changes={"closed": ["no reason"]})
    assert {mark.status for mark in chart.marks} == {"frontier", "beaten"}


def test_a_registered_version_stands_at_its_ratio_in_this_session() -> None:
    point = verdict_on(run()).devices[0].points[0]
    # The same ratio at another time's 99 ms.
    rival = registered(point, slower=1.0)
    for competitor, count in ((rival, 1), (registered(point, competes=False), 0)):
        chart = chart_of(run(), changes={"registered": [competitor]})
        assert len(chart.rivals) == count
    own = next(mark for mark in chart_of(run(), changes={"registered": [rival]}).marks if mark.point == point)
    there = chart_of(run(), changes={"registered": [rival]}).rivals[0]
    assert (there.x, there.y) == (own.x, own.y)


def test_an_unbeaten_registered_version_is_a_step_of_the_frontier() -> None:
    point = verdict_on(run()).devices[0].points[0]
    rival = registered(point, slower=0.5).model_copy(update={"beaten_by": [], "quality": 0.75})
    chart = chart_of(run(), changes={"registered": [rival]})
    assert f"V{chart.rivals[0].y:g}" in chart.frontier and f"V{chart.rivals[0].y:g}" not in chart.feasible


def test_axes_offer_what_was_measured() -> None:
    chart = chart_of(run())
    assert [axis.key for axis in chart.x_axes] == [
        "latency", "p90", "p95", "p99", "ratio", "rtf", "mib", "peak", "init",
    ]  # fmt: skip
    assert [axis.key for axis in chart.y_axes] == ["quality", "task:language", "task:speaker", "task:keyword"]
    device = verdict_on(run()).devices[0]
    silent = [point.model_copy(update={"peak_mib": None, "p99_ms": None}) for point in device.points]
    keys = [axis.key for axis in chart_of(run(), changes={"points": silent}).x_axes]
    assert "peak" not in keys and "p99" not in keys and "p95" in keys


def test_teacher_and_baselines_are_levels_of_every_quality() -> None:
    chart = chart_of(run())
    for key, teacher, baseline in (("quality", 0.8, 0.6), ("task:language", 0.75, 0.55)):
        lines = {line.kind: line for line in axis(chart.y_axes, key).lines}
        assert lines["teacher"].value == pytest.approx(teacher)
        assert lines["baseline"].value == pytest.approx(baseline) and lines["baseline"].label == "logmel"
        assert lines["teacher"].slot != lines["baseline"].slot


def test_goals_and_budgets_stand_on_their_axes() -> None:
    settings = GateDemands(
        goals=(
            Goal(metric="quality", kind="max_degradation", limit=0.1, relative=True),
            Goal(metric="quality", task="speaker", limit=0.62),
            Goal(metric="latency", percentile="p95", limit=6),
            Goal(metric="bytes", limit=2 * 2**20),
            Goal(metric="peak_mib", limit=7),
            Goal(metric="latency", limit=5, devices=("pixel",)),
            Goal(metric="init_ms", limit=2.1, input="core"),
            Goal(metric="quality", task="speaker", slice=Slice(feature="sex", value="female"), limit=0.64),
        ),
        budgets={
            "host": (
                Budget(percentile="p90", milliseconds=7, real_time_factor=0.005),
                Budget(percentile="p90", milliseconds=6, input="core"),
            )
        },
        host_may_bless=True,
    )
    chart = chart_of(run({"host": 1.0, "pixel": 2.0}), settings)

    def lines(axes: list[ChartAxis], key: str) -> dict[str, float]:
        limits = (line for line in axis(axes, key).lines if line.kind in ("goal", "budget"))
        return {line.label: round(line.value, 6) for line in limits}

    assert lines(chart.y_axes, "quality") == {"goal: at least 0.720": 0.72}
    assert lines(chart.y_axes, "task:speaker") == {"goal: at least 0.620": 0.62}
    assert lines(chart.y_axes, "task:keyword") == {}
    assert lines(chart.x_axes, "p95") == {"goal: p95 at most 6 ms": 6}
    assert lines(chart.x_axes, "p90") == {
        "budget: p90 at most 7 ms": 7,
        # Of 0.96 s of sound.
        "budget: real-time factor (p90) at most 0.005": 4.8,
    }
    assert len(lines(chart.x_axes, "latency")) == 3
    assert lines(chart.x_axes, "rtf") == {"budget: real-time factor (p90) at most 0.005": 0.005}
    assert lines(chart.x_axes, "mib") == {"goal: at most 2 MiB": 2}
    assert lines(chart.x_axes, "peak") == {"goal: at most 7": 7}
    assert lines(chart.x_axes, "init") == {}


def test_a_real_time_factor_is_no_time_where_files_hear_unequal_lengths() -> None:
    unequal = run()
    longer = unequal.converted[0]
    front_end = longer.front_end.model_copy(update={"frames": 2 * longer.front_end.frames})
    unequal.converted[0] = longer.model_copy(update={"front_end": front_end})
    measurements = [
        one.model_copy(update={"sound_seconds": 1.92}) if one.candidate_id == longer.candidate_id else one
        for one in unequal.latencies[0].measurements
    ]
    unequal.latencies[0] = unequal.latencies[0].model_copy(update={"measurements": measurements})
    settings = GateDemands(budgets={"host": (Budget(real_time_factor=0.005),)}, host_may_bless=True)
    chart = chart_of(unequal, settings)
    assert [line.kind for line in axis(chart.x_axes, "rtf").lines] == ["budget"]
    assert chart.x.lines == chart.x.outside == []


def test_a_line_far_away_is_told_and_does_not_squeeze_the_points() -> None:
    settings = GateDemands(
        budgets={"host": (Budget(percentile="p90", milliseconds=500),)}, host_may_bless=True
    )
    near, far = chart_of(run()), chart_of(run(), settings)
    assert far.x.scale == near.x.scale
    assert [line.label for line in far.x.outside] == ["budget: p90 at most 500 ms"] and not far.x.lines


def test_of_very_many_points_only_the_frontier_has_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(mark.bars for mark in chart_of(run()).marks)
    monkeypatch.setattr("components.frontier_gate.page.scatter.MOST_BARS", 2)
    chart = chart_of(run())
    assert chart.crowded and [bool(mark.bars) for mark in chart.marks] == [False, True, True]


def test_everything_is_inside_the_picture() -> None:
    chart = chart_of(run())
    assert all(0 < x < WIDTH for x, _ in ticks(chart.x, across=True)) and all(
        0 < y < HEIGHT for y, _ in ticks(chart.y, across=False)
    )
    assert all(0 < mark.x < WIDTH and 0 < mark.y < HEIGHT for mark in chart.marks)
