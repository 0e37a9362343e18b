"""The picture: what its panels hold, and that names hide nothing."""

from __future__ import annotations

import struct
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from components.common.frontier.settings import GateDemands, Goal
from components.frontier_gate import panel, picture
from components.frontier_gate.labels import write_names
from schemas.devices import Budget
from schemas.tensors import VariantInput
from schemas.verdicts import Verdict
from tests.components.frontier_gate.made_up import registered, verdict_on
from tests.made_up_runs import Made, demo_run, make_run
from tests.students import mobilenet


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    return verdict_on(demo_run(devices={"pixel": 1.0, "nokia": 6.0}))


def drawn(
    verdict: Verdict, kind: VariantInput = "wave", *budgets: Budget, device: int = 0
) -> tuple[Any, panel.Drawn]:
    axes = Figure().add_subplot()
    return axes, panel.draw_panel(axes, kind, verdict.devices[device], verdict, budgets)


def marks(axes: Any) -> dict[str, Any]:
    """Collections of marks by label, each with its spots."""
    return {found.get_label(): found for found in axes.collections if not found.get_label().startswith("_")}


def test_points_are_where_they_were_measured(verdict: Verdict) -> None:
    axes, content = drawn(verdict)
    found = marks(axes)
    points = [point for point in verdict.devices[0].points if point.input == "wave"]
    blessed = [(p.latency_ms, p.quality) for p in points if p.blessed]
    assert sorted(map(tuple, found["blessed"].get_offsets())) == sorted(blessed)
    assert len(found["beaten"].get_offsets()) == len(points) - len(blessed)
    assert to_hex(found["beaten"].get_facecolor()[0]) == panel.LOSER_COLOUR
    assert len(content.marks) == len(points)
    assert sorted(content.names) == sorted(blessed)
    # 0.7 to 3.4 ms: wider than the limit of 4.
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Test Phone: device latency, p50 in ms a window"


def test_bars_are_the_intervals() -> None:
    axes, _ = drawn(verdict_on(make_run({mobilenet(): [Made(0.7, 10.0, spread=0.05)]})))
    across, up = (lines for lines in axes.collections if lines.get_label().startswith("_"))
    assert across.get_segments()[0][:, 0] == pytest.approx([9.5, 10.5])
    assert up.get_segments()[0][:, 1] == pytest.approx([0.68, 0.72])
    assert axes.get_xscale() == "linear"


def test_the_curve_is_the_best_quality_at_a_latency(verdict: Verdict) -> None:
    device = verdict.devices[0]
    frontier = sorted(
        (point.latency_ms, point.quality)
        for point in device.points
        if point.input == "wave" and point.on_frontier
    )
    x, y = curve(drawn(verdict)[0])
    assert set(frontier) <= set(zip(x, y, strict=True))
    assert len(x) == 2 * len(frontier) - 1
    assert x == sorted(x) and y == sorted(y)

    # A registered version counts if nothing beats it: here one that is as good as the best, and faster.
    best = next(point for point in device.points if (point.latency_ms, point.quality) == frontier[-1])
    assert best.latency_ms is not None
    for beaten_by, last in (([], 0.9 * best.latency_ms), (["another"], best.latency_ms)):
        rival = registered(best, slower=0.9).model_copy(update={"beaten_by": beaten_by})
        rivals = device.model_copy(update={"registered": [rival]})
        x, y = curve(drawn(verdict.model_copy(update={"devices": [rivals]}))[0])
        assert [x[-1], y[-1]] == pytest.approx([last, best.quality])


def curve(axes: Any) -> tuple[list[float], list[float]]:
    x, y = next(line for line in axes.lines if line.get_color() == panel.FRONTIER_COLOUR).get_data()
    return list(x), list(y)


def test_budgets_are_vertical_lines(verdict: Verdict) -> None:
    """The made-up windows hear 0.96 s: a real-time factor of 0.002 is 1.92 ms."""
    limits = (
        Budget(percentile="p90", milliseconds=3.0),
        Budget(real_time_factor=0.002, percentile="p50"),
        Budget(percentile="p90", milliseconds=2.0, input="core"),
        Budget(percentile="p90", milliseconds=500.0),
    )
    axes, content = drawn(verdict, "wave", *limits)
    found = [line.get_xdata()[0] for line in axes.lines if line.get_label() == "budget"]
    assert found == pytest.approx([3.0, 1.92], rel=1e-6)
    assert {text.get_text() for text in axes.texts} == {
        "budget p90 3 ms",
        "budget p50 real-time factor 0.002",
    }
    assert axes.get_xlim()[1] < 20
    assert len([line for line in content.lines if line[0][0] == line[1][0] == 3.0]) == 1


def test_a_registered_competitor_stands_where_its_ratio_puts_it(verdict: Verdict) -> None:
    device = verdict.devices[0]
    point = next(point for point in device.points if point.blessed and point.input == "wave")
    rivals = [registered(point, slower=2.0), registered(point, competes=False)]
    judged = verdict.model_copy(update={"devices": [device.model_copy(update={"registered": rivals})]})
    axes, content = drawn(judged)
    found = marks(axes)["registered"]
    assert len(found.get_offsets()) == 1
    assert point.latency_ms is not None
    assert list(found.get_offsets()[0]) == pytest.approx([2 * point.latency_ms, point.quality])
    assert len(found.get_facecolor()) == 0
    assert "tinytrill-host v3 (champion)" in content.names.values()
    assert "registered" not in marks(drawn(judged, "core")[0])


def test_a_closed_gate_blesses_nothing_and_says_why() -> None:
    run = demo_run(devices={"pixel": 1.0, "host": 1.0})
    run.latencies[0] = run.latencies[0].model_copy(
        update={"measurements": [], "reference": None, "failure": "the cable was pulled"}
    )
    goal = Goal(metric="latency", limit=2.0, devices=("host",))
    verdict = verdict_on(run, GateDemands(goals=(goal,)))
    empty, content = drawn(verdict)
    (words,) = (text.get_text() for text in empty.texts)
    assert words.startswith("gate closed:") and "the cable was pulled" in " ".join(words.split())
    assert content == panel.Drawn([], {}, [])
    axes, _ = drawn(verdict, device=1)
    assert "gate closed: figures of the host" in axes.get_title(loc="left")
    assert "blessed" not in marks(axes)


def test_what_a_closed_gate_held_back_does_not_look_blessed(verdict: Verdict) -> None:
    device = verdict.devices[0]
    assert "blessed" in marks(drawn(verdict)[0]) and any(point.blessed for point in device.points)
    closed = device.model_copy(update={"closed": ["a task is missing"]})
    axes, _ = drawn(verdict.model_copy(update={"devices": [closed]}))
    assert "blessed" not in marks(axes) and "frontier, not blessed" in marks(axes)


@pytest.mark.parametrize("spots", [4, 14, 60])
def test_names_hide_neither_each_other_nor_leave_the_panel(spots: int) -> None:
    figure = Figure(figsize=(7, 5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    where = [(i % 8 + 0.1 * i, (i * 7 % 11) / 11) for i in range(spots)]
    axes.scatter(*zip(*where, strict=True))
    axes.margins(0.15)
    canvas.draw()
    without = write_names(
        axes, {spot: f"student number {i}\nwave" for i, spot in enumerate(where)}, where, [], canvas
    )
    canvas.draw()
    boxes = [words_of(text) for text in axes.texts]
    assert len(boxes) + without == spots and len(boxes) >= min(spots, 10)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    edge = axes.get_window_extent()
    assert all(
        edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1 for box in boxes
    )


def words_of(annotation: Any) -> Any:
    """Extent of an annotation's words without its leader."""
    return Text.get_window_extent(annotation)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_row_of_panels_a_device_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    small = {
        mobilenet(): [Made(0.7, 10.0)],
        mobilenet("large"): [Made(0.8, 20.0), Made(0.79, 15.0, "core-int8")],
    }
    both = verdict_on(make_run(small, devices={"pixel": 1.0, "nokia": 6.0}))
    one = both.model_copy(update={"devices": both.devices[:1]})
    path = picture.draw(one, tmp_path / "new", {"pixel": (Budget(percentile="p90", milliseconds=3.0),)})
    assert path == tmp_path / "new" / "frontier.png"
    without = picture.render(one)
    assert without == picture.render(one) != path.read_bytes()
    two = size_of(picture.render(both))
    assert size_of(without)[0] == two[0] and size_of(without)[1] < two[1]


def test_a_picture_without_any_point(verdict: Verdict) -> None:
    closed = verdict.devices[0].model_copy(update={"points": [], "closed": ["nothing could be measured"]})
    png = picture.render(verdict.model_copy(update={"devices": [closed]}))
    width, height = size_of(png)
    assert width < 1.5 * height
