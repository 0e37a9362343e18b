"""One panel of the picture: quality against cost for one kind of input on one device."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any, NamedTuple

from components.frontier_gate.labels import Line
from components.frontier_gate.plotted import QUALITY, Interval, cost_key, point_figures, registered_figures
from components.frontier_gate.stairs import Spot, stairs
from schemas.devices import Budget
from schemas.latency_reports import Machine
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict, FrontierPoint, Verdict

FRONTIER_COLOUR = "#0b6e99"
BLESSED_COLOUR = "#c2410c"
LOSER_COLOUR = "#9aa3ad"
REGISTERED_COLOUR = "#6d28d9"
TEACHER_COLOUR = "#1f2933"
BASELINE_COLOUR = "#6b7785"
BUDGET_COLOUR = "#a16207"
WARNING_COLOUR = "#b91c1c"
# Wider than this, latencies are drawn on a logarithmic axis.
LOG_FROM_RATIO = 4.0
# Of more points only those on the frontier have bars.
MOST_BARS = 150
# A budget farther from all points than this, as a ratio, would squeeze them: it is not drawn.
FARTHEST_BUDGET = 4.0
LETTERS_A_LINE = 76
PANEL_TITLES: dict[VariantInput, str] = {
    "wave": "wave: waveform in, front end inside the file",
    "core": "core: log-mel in, front end left to the caller",
    "stream": "stream: a chunk of sound and the state in, the state out",
}


class Mark(NamedTuple):
    """A point with its intervals; what it costs is latency in ms, or arithmetic where none is measured."""

    cost: Interval
    quality: Interval
    name: str = ""
    beaten: bool = False

    @property
    def spot(self) -> Spot:
        """Where it stands."""
        return self.cost[0], self.quality[0]


class Drawn(NamedTuple):
    """What a panel holds, in its own figures.

    Attributes:
      marks: Points, which names should not hide.
      names: To be written beside their points, the most important first.
      lines: Straight lines, which names had better not cross.
    """

    marks: list[Spot]
    names: dict[Spot, str]
    lines: list[Line]


class Limit(NamedTuple):
    """A budget as a place on the axis of costs."""

    cost: float
    label: str


def latency_label(machine: Machine, statistic: str = "median") -> str:
    """What a latency on this machine may be called; the arithmetic that stands for it where none is."""
    if not machine.measures_time:
        return "multiply-accumulates a window, millions (no time is measured)"
    kind = "device latency" if machine.is_device else "host latency (not a device)"
    return f"{kind}, {'p50' if statistic == 'median' else statistic} in ms a window"


def draw_panel(
    panel: Any, kind: VariantInput, device: DeviceVerdict, verdict: Verdict, budgets: Sequence[Budget]
) -> Drawn:
    """Draws all but names.

    Args:
      panel: matplotlib's axes.
      kind: Of the files.
      device: Whose points.
      verdict: For the teacher and the baselines.
      budgets: Of the device.
    """
    points = [point for point in device.points if point.input == kind]
    panel.spines[["top", "right"]].set_visible(False)
    _entitle(panel, f"{device.device} · {PANEL_TITLES[kind]}", device.closed, empty=not points)
    if not points:
        panel.set_xticks([])
        return Drawn([], {}, [])
    blessed = {point.point_id for point in device.blessed}
    key = cost_key(device.machine)
    spots = {point.point_id: _spot(point, key) for point in points}
    rivals = list(_rivals(device, kind))
    costs = [cost for cost, _ in spots.values()] + [rival.cost[0] for rival in rivals]
    limits = [
        limit
        for limit in _limits(budgets, device.window_ms(kind), kind)
        if min(costs) / FARTHEST_BUDGET <= limit.cost <= max(costs) * FARTHEST_BUDGET
    ]
    costs += [limit.cost for limit in limits]
    if max(costs) / min(costs) >= LOG_FROM_RATIO:
        _logarithmic(panel, max(costs) / min(costs))
    _points(panel, points, blessed, key)
    _scatter(panel, rivals, REGISTERED_COLOUR, "registered", size=46, zorder=6, hollow=True)
    for limit in limits:
        _limit(panel, limit)
    _references(panel, verdict)
    unbeaten = [spots[point.point_id] for point in points if point.on_frontier]
    corners = stairs([*unbeaten, *(rival.spot for rival in rivals if not rival.beaten)])
    if corners:
        panel.plot(*zip(*corners, strict=True), color=FRONTIER_COLOUR, linewidth=1.4, alpha=0.8, zorder=3)
    panel.set_xlabel(f"{device.machine.name}: {latency_label(device.machine, points[0].statistic)}")
    panel.grid(True, color="#e5e7eb", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.margins(x=0.14, y=0.1)
    left, right = panel.get_xlim()
    bottom, top = panel.get_ylim()
    levels = [reference.quality for reference in (verdict.teacher, *verdict.baselines)]
    return Drawn(
        marks=[*spots.values(), *(rival.spot for rival in rivals)],
        names=_names(points, blessed, spots) | {rival.spot: rival.name for rival in rivals},
        lines=[
            *pairwise(corners),
            *(((left, level), (right, level)) for level in levels),
            *(((limit.cost, bottom), (limit.cost, top)) for limit in limits),
        ],
    )


def _spot(point: FrontierPoint, key: str) -> Spot:
    return point_figures(point)[key][0], point.quality


def _names(points: Sequence[FrontierPoint], blessed: set[str], spots: Mapping[str, Spot]) -> dict[Spot, str]:
    """What is to be named where: the blessed, then the rest of the frontier, the best quality first."""
    named = [point for point in points if point.on_frontier or point.point_id in blessed]
    named.sort(key=lambda point: (point.point_id not in blessed, -point.quality))
    return {spots[point.point_id]: f"{point.candidate_id}\n{point.variant}" for point in named}


def _entitle(panel: Any, title: str, closed: Sequence[str], *, empty: bool) -> None:
    """A title that says so if the gate is closed; an empty panel says why in its middle."""
    reason = f"gate closed: {'; '.join(closed)}" if closed else "nothing here was judged"
    colour = WARNING_COLOUR if closed else "#374151"
    if empty:
        words = textwrap.fill(textwrap.shorten(reason, 500), LETTERS_A_LINE * 2 // 3)
        panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color=colour)
    elif closed:
        title = f"{title}\n{textwrap.fill(textwrap.shorten(reason, 2 * LETTERS_A_LINE), LETTERS_A_LINE)}"
    panel.set_title(title, loc="left", color=colour)


def _points(panel: Any, points: Sequence[FrontierPoint], blessed: set[str], key: str) -> None:
    crowd = len(points) > MOST_BARS
    beaten: list[Mark] = []
    frontier: list[Mark] = []
    held: list[Mark] = []
    for point in points:
        into = held if point.point_id in blessed else frontier if point.on_frontier else beaten
        figures = point_figures(point)
        into.append(Mark(figures[key], figures[QUALITY]))
    _scatter(panel, beaten, LOSER_COLOUR, "beaten", size=12 if crowd else 28, zorder=2, bars=not crowd)
    _scatter(panel, frontier, FRONTIER_COLOUR, "frontier, not blessed", size=52, zorder=4)
    _scatter(panel, held, BLESSED_COLOUR, "blessed", size=52, zorder=5)


def _rivals(device: DeviceVerdict, kind: VariantInput) -> Iterator[Mark]:
    """The registered versions that compete."""
    key = cost_key(device.machine)
    for one in device.registered:
        figures = registered_figures(one, device.reference_ms)
        if one.competes and one.input == kind and key in figures:
            yield Mark(figures[key], figures[QUALITY], one.name, bool(one.beaten_by))


def _limits(budgets: Sequence[Budget], window_ms: float | None, kind: VariantInput) -> Iterator[Limit]:
    """Budgets on the cost; a real-time factor by the milliseconds of sound that a window holds.

    Arena and flash stand on no axis of the picture; the page's charts have them.
    """
    for budget in budgets:
        if budget.input not in (None, kind):
            continue
        if budget.milliseconds is not None:
            yield Limit(budget.milliseconds, f"budget {budget.percentile} {budget.milliseconds:g} ms")
        if budget.real_time_factor is not None and window_ms is not None:
            label = f"budget {budget.percentile} real-time factor {budget.real_time_factor:g}"
            yield Limit(budget.real_time_factor * window_ms, label)
        if budget.mega_macs is not None:
            yield Limit(budget.mega_macs, f"budget {budget.mega_macs:g} M multiply-accumulates")


def _limit(panel: Any, limit: Limit) -> None:
    from matplotlib.patheffects import withStroke

    panel.axvline(limit.cost, color=BUDGET_COLOUR, linewidth=1.3, linestyle=(0, (6, 2)), label="budget")
    panel.annotate(
        limit.label,
        (limit.cost, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        fontsize=7,
        color=BUDGET_COLOUR,
        path_effects=[withStroke(linewidth=2.2, foreground="white")],
    )


def _references(panel: Any, verdict: Verdict) -> None:
    panel.axhline(verdict.teacher.quality, color=TEACHER_COLOUR, linewidth=1.2, label="teacher")
    for baseline, style in zip(verdict.baselines, cycle(("--", ":", "-.")), strict=False):
        label = f"{baseline.kind} {baseline.model}"
        panel.axhline(baseline.quality, color=BASELINE_COLOUR, linewidth=1.2, linestyle=style, label=label)


def _logarithmic(panel: Any, ratio: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    steps = (1.0, 2.0, 5.0) if ratio > 20 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=steps))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _scatter(
    panel: Any,
    marks: Sequence[Mark],
    colour: str,
    label: str,
    *,
    size: float,
    zorder: int,
    bars: bool = True,
    hollow: bool = False,
) -> None:
    if not marks:
        return
    x, y = [mark.cost[0] for mark in marks], [mark.quality[0] for mark in marks]
    if bars:
        panel.errorbar(
            x,
            y,
            xerr=_arms([mark.cost for mark in marks]),
            yerr=_arms([mark.quality for mark in marks]),
            fmt="none",
            ecolor=colour,
            elinewidth=0.8,
            alpha=0.35,
            zorder=zorder - 1,
        )
    looks = (
        {"facecolors": "none", "edgecolors": colour} if hollow else {"color": colour, "edgecolors": "white"}
    )
    width = 1.6 if hollow else 0.8
    panel.scatter(x, y, s=size, linewidths=width, zorder=zorder, label=label, **looks)


def _arms(intervals: Sequence[Interval]) -> list[list[float]]:
    """Lengths of error bars; an interval that does not hold its value has an arm of 0."""
    down = [max(value - low, 0.0) for value, low, _ in intervals]
    up = [max(high - value, 0.0) for value, _, high in intervals]
    return [down, up]
