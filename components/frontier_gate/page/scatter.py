"""Quality against a cost: all that the page's charts draw, of which a script only shows what is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.frontier_gate.page.chart_axes import ChartAxis, Line, cost_axes, quality_axes
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.standing import Status, numbers, status
from components.frontier_gate.panel import MOST_BARS
from components.frontier_gate.plotted import Interval, cost_key, point_figures, registered_figures
from components.frontier_gate.stairs import stairs
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict, FrontierPoint, RegisteredPoint

WIDTH, HEIGHT = 600.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 16.0, 16.0, 48.0
ORDER: tuple[Status, ...] = ("beaten", "frontier", "blessed")


Stairs = tuple[str, str]
"""Paths in pixels of the whole frontier, and of what the goals leave of it; empty: there are none to draw."""


@dataclass(frozen=True)
class Mark:
    """One point; ``bars`` is a path around the spot, empty if there are too many to be told apart."""

    point: FrontierPoint
    status: Status
    number: int
    x: float
    y: float
    bars: str


@dataclass(frozen=True)
class Rival:
    """A registered version that competes."""

    point: RegisteredPoint
    x: float
    y: float
    bars: str


@dataclass(frozen=True)
class Scatter:
    """The chart of one input kind on one device.

    Attributes:
      kind: Of the input.
      marks: The run's points, where the first axes put them; what is drawn last is the last.
      rivals: Registered versions that compete.
      x_axes: The choices for the axis of costs; the chart begins with the first.
      y_axes: The choices for the axis of quality.
      stairs: By the keys of a cost and a quality.
    """

    kind: VariantInput
    marks: list[Mark]
    rivals: list[Rival]
    x_axes: list[ChartAxis]
    y_axes: list[ChartAxis]
    stairs: dict[str, dict[str, Stairs]]

    @property
    def crowded(self) -> bool:
        """Whether there are so many points that those which are beaten are drawn small."""
        return len(self.marks) > MOST_BARS

    @property
    def x(self) -> ChartAxis:
        """The axis of costs it begins with."""
        return self.x_axes[0]

    @property
    def y(self) -> ChartAxis:
        """The axis of quality it begins with."""
        return self.y_axes[0]

    @property
    def frontier(self) -> str:
        """Stairs of the whole frontier on the first axes."""
        return self.stairs[self.x.key][self.y.key][0]

    @property
    def feasible(self) -> str:
        """Stairs of what the goals leave, on the first axes."""
        return self.stairs[self.x.key][self.y.key][1]

    @property
    def axes(self) -> list[tuple[bool, ChartAxis, bool]]:
        """All axes: whether they go across, and whether the chart begins with them."""
        across = [(True, axis, axis is self.x) for axis in self.x_axes]
        return [*((False, axis, axis is self.y) for axis in self.y_axes), *across]


def ticks(axis: ChartAxis, *, across: bool) -> list[tuple[float, str]]:
    """Pixel and label of an axis' ticks."""
    return [(_place(axis, tick, across=across), f"{tick:g}") for tick in axis.scale.ticks()]


def lines(axis: ChartAxis, *, across: bool) -> list[tuple[float, Line]]:
    """An axis' lines, each with its pixel."""
    return [(_place(axis, line.value, across=across), line) for line in axis.lines]


def scatter(material: Material, device: DeviceVerdict, kind: VariantInput, label: str) -> Scatter | None:
    """The chart of one kind of input, or None without a point of it."""
    points = [point for point in device.points if point.input == kind]
    if not points:
        return None
    x_axes = cost_axes(material, device, kind, label)
    y_axes = quality_axes(material, device, kind)
    number = numbers(device)
    few = len(points) <= MOST_BARS
    marks = [
        Mark(
            point,
            status(device, point),
            number.get(point.point_id, 0),
            *_spot(point_figures(point), x_axes[0], y_axes[0], few or point.on_frontier or point.blessed),
        )
        for point in points
    ]
    rivals = [
        Rival(point, *_spot(figures, x_axes[0], y_axes[0]))
        for point in device.registered
        if point.competes and point.input == kind
        if cost_key(device.machine) in (figures := registered_figures(point, device.reference_ms))
    ]
    return Scatter(
        kind=kind,
        marks=sorted(marks, key=lambda mark: (ORDER.index(mark.status), -mark.x)),
        rivals=rivals,
        x_axes=x_axes,
        y_axes=y_axes,
        stairs=_stairs(marks, rivals, device.reference_ms, x_axes, y_axes),
    )


def staircase(spots: Sequence[tuple[float, float]]) -> str:
    """The best quality to be had at a cost or below it, as a path in pixels that ends at the right edge."""
    corners = [(x, -y) for x, y in stairs((x, -y) for x, y in spots)]
    if not corners:
        return ""
    (x, y), *steps = corners
    path = "".join(f"V{to:g}" if place % 2 else f"H{at:g}" for place, (at, to) in enumerate(steps))
    return f"M{x:g} {y:g}{path}H{WIDTH - RIGHT:g}"


def _stairs(
    marks: Sequence[Mark],
    rivals: Sequence[Rival],
    reference_ms: float | None,
    x_axes: Sequence[ChartAxis],
    y_axes: Sequence[ChartAxis],
) -> dict[str, dict[str, Stairs]]:
    """The stairs on each pair of axes."""
    own = [mark for mark in marks if mark.point.on_frontier]
    blessed = [mark for mark in marks if mark.status == "blessed"]
    unbeaten = [
        registered_figures(rival.point, reference_ms) for rival in rivals if not rival.point.beaten_by
    ]
    frontier = [*(point_figures(mark.point) for mark in own), *unbeaten]
    feasible = [point_figures(mark.point) for mark in blessed] if unbeaten or blessed != own else []
    return {x.key: {y.key: (_path(frontier, x, y), _path(feasible, x, y)) for y in y_axes} for x in x_axes}


def _path(figures: Sequence[Mapping[str, Interval]], x: ChartAxis, y: ChartAxis) -> str:
    there = [known for known in figures if x.key in known and y.key in known]
    return staircase(
        [
            (_place(x, known[x.key][0], across=True), _place(y, known[y.key][0], across=False))
            for known in there
        ]
    )


def _spot(
    figures: Mapping[str, Interval], x: ChartAxis, y: ChartAxis, with_bars: bool = True
) -> tuple[float, float, str]:
    """Where a mark stands, and both its intervals as a path whose origin is there."""
    x1, x0, x2 = (_place(x, value, across=True) for value in figures[x.key])
    y1, y0, y2 = (_place(y, value, across=False) for value in figures[y.key])
    bars = f"M{x0 - x1:.1f} 0H{x2 - x1:.1f}M0 {y0 - y1:.1f}V{y2 - y1:.1f}"
    return x1, y1, bars if with_bars else ""


def _place(axis: ChartAxis, value: float, *, across: bool) -> float:
    start, end = (LEFT, WIDTH - RIGHT) if across else (HEIGHT - BOTTOM, TOP)
    return axis.scale.place(value, start, end)
