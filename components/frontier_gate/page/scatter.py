"""Quality against a cost, as the page shows it before a reader chooses other axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.page.axes import (
    LATENCY,
    QUALITY,
    Axis,
    Interval,
    cost_axes,
    quality_axes,
    registered_figures,
)
from components.frontier_gate.page.material import Material
from components.frontier_gate.page.standing import Status, numbers, status
from components.frontier_gate.panel import MOST_BARS
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict, FrontierPoint, RegisteredPoint

WIDTH, HEIGHT = 600.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 16.0, 16.0, 48.0
ORDER: tuple[Status, ...] = ("beaten", "frontier", "blessed")


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
    """The chart of one input kind on one device."""

    kind: VariantInput
    marks: list[Mark]
    rivals: list[Rival]
    x_axes: list[Axis]
    y_axes: list[Axis]
    frontier: str
    feasible: str

    @property
    def crowded(self) -> bool:
        """Whether there are so many points that those which are beaten are drawn small."""
        return len(self.marks) > MOST_BARS

    @property
    def x(self) -> Axis:
        """The axis of costs it begins with."""
        return self.x_axes[0]

    @property
    def y(self) -> Axis:
        """The axis of quality it begins with."""
        return self.y_axes[0]

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Pixel and label."""
        return [(_across(self.x, tick), f"{tick:g}") for tick in self.x.scale.ticks()]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Pixel and label."""
        return [(_up(self.y, tick), f"{tick:g}") for tick in self.y.scale.ticks()]

    @property
    def x_lines(self) -> list[tuple[float, str, str, int]]:
        """Pixel, label, kind and slot."""
        return [(_across(self.x, line.value), line.label, line.kind, line.slot) for line in self.x.lines]

    @property
    def y_lines(self) -> list[tuple[float, str, str, int]]:
        """Pixel, label, kind and slot."""
        return [(_up(self.y, line.value), line.label, line.kind, line.slot) for line in self.y.lines]


def scatter(material: Material, device: DeviceVerdict, kind: VariantInput, label: str) -> Scatter | None:
    """The chart of one kind of input, or None without a point of it."""
    points = [point for point in device.points if point.input == kind]
    if not points:
        return None
    x_axes = cost_axes(material, device, kind, label)
    y_axes = quality_axes(material, device, kind)
    x, y = x_axes[0], y_axes[0]
    number = numbers(device)
    marks = [
        Mark(
            point,
            status(device, point),
            number.get(point.point_id, 0),
            _across(x, point.latency_ms),
            _up(y, point.quality),
            _bars(
                x,
                y,
                (point.latency_ms, point.latency_low_ms, point.latency_high_ms),
                (point.quality, point.quality_low, point.quality_high),
            )
            if len(points) <= MOST_BARS or point.on_frontier or point.blessed
            else "",
        )
        for point in points
    ]
    rivals = []
    for point in device.registered:
        figures = registered_figures(point, device.reference_ms)
        if point.competes and point.input == kind and LATENCY in figures:
            spot = figures[LATENCY], figures[QUALITY]
            rivals.append(Rival(point, _across(x, spot[0][0]), _up(y, spot[1][0]), _bars(x, y, *spot)))
    frontier = [mark for mark in marks if mark.point.on_frontier]
    unbeaten = [(rival.x, rival.y) for rival in rivals if not rival.point.beaten_by]
    blessed = [mark for mark in marks if mark.status == "blessed"]
    return Scatter(
        kind=kind,
        marks=sorted(marks, key=lambda mark: (ORDER.index(mark.status), -mark.x)),
        rivals=rivals,
        x_axes=x_axes,
        y_axes=y_axes,
        frontier=staircase([(mark.x, mark.y) for mark in frontier] + unbeaten),
        feasible=staircase([(mark.x, mark.y) for mark in blessed]) if unbeaten or blessed != frontier else "",
    )


def staircase(spots: Sequence[tuple[float, float]]) -> str:
    """The best quality to be had at a cost or below it, as a path in pixels that ends at the right edge.

    A spot that another one hides in these two figures alone, as within a tie, lies below the stairs.
    """
    path, best = "", HEIGHT
    for x, y in sorted(spots):
        if y < best:
            path += f"H{x:g}V{y:g}" if path else f"M{x:g} {y:g}"
            best = y
    return f"{path}H{WIDTH - RIGHT:g}" if path else ""


def _across(axis: Axis, value: float) -> float:
    return axis.scale.place(value, LEFT, WIDTH - RIGHT)


def _up(axis: Axis, value: float) -> float:
    return axis.scale.place(value, HEIGHT - BOTTOM, TOP)


def _bars(x: Axis, y: Axis, across: Interval, up: Interval) -> str:
    """Both intervals as a path whose origin is the spot."""
    x0, x1, x2 = (_across(x, value) for value in across)
    y0, y1, y2 = (_up(y, value) for value in up)
    return f"M{x1 - x0:.1f} 0H{x2 - x0:.1f}M0 {y1 - y0:.1f}V{y2 - y0:.1f}"
