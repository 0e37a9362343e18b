"""The frontier as a picture: quality against latency, one panel for each kind of input."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.devices import VariantInput
from schemas.latency_reports import Machine
from schemas.verdicts import FrontierPoint, Verdict

FRONTIER_COLOUR = "#0b6e99"
BLESSED_COLOUR = "#c2410c"
LOSER_COLOUR = "#9aa3ad"
TEACHER_COLOUR = "#1f2933"
BASELINE_COLOUR = "#6b7785"
# Wider than this, latencies are drawn on a logarithmic axis.
LOG_FROM_RATIO = 8.0
MARK_RADIUS_PX = 9.0
PANEL_TITLES: dict[VariantInput, str] = {
    "wave": "wave: waveform in, front end inside the file",
    "core": "core: log-mel in, front end left to the caller",
}


def latency_label(machine: Machine) -> str:
    """What a latency on this machine may be called."""
    kind = "device latency" if machine.is_device else "host latency (not a device)"
    return f"{kind}, p50 in ms a window"


def draw(verdict: Verdict, folder: str | Path) -> Path:
    """Writes ``frontier.png`` into ``folder``."""
    path = Path(folder) / Verdict.PICTURE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render(verdict))
    return path


def render(verdict: Verdict) -> bytes:
    """The picture as PNG."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds: list[VariantInput] = [k for k in PANEL_TITLES if any(p.input == k for p in verdict.points)]
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11}):
        figure = Figure(figsize=(1.2 + 6.4 * len(kinds), 6.0), dpi=160, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
        for panel, kind in zip(panels, kinds, strict=True):
            _panel(panel, kind, verdict)
        panels[0].set_ylabel("mean NOSS test accuracy")
        synthetic = "  (synthetic sound)" if verdict.synthetic else ""
        figure.suptitle(f"TinyTrill frontier: {verdict.run_name}{synthetic}", fontsize=13, fontweight="bold")
        figure.legend(
            *_legend(panels), loc="outside lower center", ncols=8, frameon=False, fontsize=9, handlelength=1.6
        )
        canvas.draw()
        levels = [reference.quality for reference in (verdict.teacher, *verdict.baselines)]
        for panel, kind in zip(panels, kinds, strict=True):
            _label_frontier(panel, [p for p in verdict.points if p.input == kind], levels, canvas)
            if verdict.synthetic:
                panel.text(
                    0.985,
                    0.02,
                    "SYNTHETIC SOUND",
                    transform=panel.transAxes,
                    ha="right",
                    va="bottom",
                    fontsize=10,
                    fontweight="bold",
                    color="#b91c1c",
                    alpha=0.75,
                )
        stream = io.BytesIO()
        # No software version or date: the same verdict gives the same bytes.
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def _panel(panel: Any, kind: VariantInput, verdict: Verdict) -> None:
    points = [point for point in verdict.points if point.input == kind]
    losers = [point for point in points if not point.on_frontier]
    frontier = sorted((point for point in points if point.on_frontier), key=lambda point: point.latency_ms)
    latencies = [point.latency_ms for point in points]
    if max(latencies) / min(latencies) >= LOG_FROM_RATIO:
        _logarithmic(panel)
    _scatter(panel, losers, LOSER_COLOUR, "beaten", size=28, zorder=2)
    _scatter(panel, [p for p in frontier if not p.blessed], FRONTIER_COLOUR, "frontier", size=52, zorder=4)
    _scatter(panel, [p for p in points if p.blessed], BLESSED_COLOUR, "blessed", size=52, zorder=5)
    panel.plot(
        [point.latency_ms for point in frontier],
        [point.quality for point in frontier],
        color=FRONTIER_COLOUR,
        linewidth=1.4,
        alpha=0.8,
        zorder=3,
        label="_frontier line",
    )
    panel.axhline(verdict.teacher.quality, color=TEACHER_COLOUR, linewidth=1.2, label="teacher")
    for index, baseline in enumerate(verdict.baselines):
        style = ("--", ":", "-.")[index % 3]
        panel.axhline(
            baseline.quality,
            color=BASELINE_COLOUR,
            linewidth=1.2,
            linestyle=style,
            label=f"baseline {baseline.model}",
        )
    panel.set_title(PANEL_TITLES[kind], loc="left", color="#374151")
    panel.set_xlabel(latency_label(verdict.machine))
    panel.grid(True, color="#e5e7eb", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.margins(x=0.14, y=0.1)


def _logarithmic(panel: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _scatter(
    panel: Any, points: Sequence[FrontierPoint], colour: str, label: str, *, size: float, zorder: int
) -> None:
    if not points:
        return
    x = [point.latency_ms for point in points]
    y = [point.quality for point in points]
    panel.errorbar(
        x,
        y,
        xerr=_arms(x, [p.latency_low_ms for p in points], [p.latency_high_ms for p in points]),
        yerr=_arms(y, [p.quality_low for p in points], [p.quality_high for p in points]),
        fmt="none",
        ecolor=colour,
        elinewidth=0.8,
        alpha=0.35,
        zorder=zorder - 1,
    )
    panel.scatter(x, y, s=size, color=colour, edgecolors="white", linewidths=0.8, zorder=zorder, label=label)


def _arms(values: list[float], low: list[float], high: list[float]) -> list[list[float]]:
    """Lengths of error bars; an interval that does not hold its value has an arm of 0."""
    down = [max(value - end, 0.0) for value, end in zip(values, low, strict=True)]
    up = [max(end - value, 0.0) for value, end in zip(values, high, strict=True)]
    return [down, up]


def _legend(panels: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Handles and labels of all panels, each label once."""
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return list(entries.values()), list(entries)


def _label_frontier(
    panel: Any, points: Sequence[FrontierPoint], levels: Sequence[float], canvas: Any
) -> None:
    """Writes the names of frontier and blessed points where they hide neither a point nor each other."""
    from matplotlib.patheffects import withStroke

    renderer = canvas.get_renderer()
    named = [point for point in points if point.on_frontier or point.blessed]
    marks = [panel.transData.transform((point.latency_ms, point.quality)) for point in points]
    ordered = sorted(named, key=lambda point: point.latency_ms)
    lines = [
        (
            panel.transData.transform((a.latency_ms, a.quality)),
            panel.transData.transform((b.latency_ms, b.quality)),
        )
        for a, b in pairwise(point for point in ordered if point.on_frontier)
    ]
    edge = panel.get_window_extent(renderer)
    lines += [
        ((edge.x0, height), (edge.x1, height))
        for height in (panel.transData.transform((ordered[0].latency_ms, level))[1] for level in levels)
    ]
    taken: list[Any] = []
    for point in sorted(named, key=lambda p: -p.quality):
        spot = panel.transData.transform((point.latency_ms, point.quality))
        words = f"{point.candidate_id}\n{point.variant}"
        width, height = _size(panel, words, renderer)
        best = min(
            _OFFSETS,
            key=lambda at: (
                _crowding(_box(spot, at, width, height, panel.figure.dpi), taken, marks, lines, edge)
                + (at[0] ** 2 + at[1] ** 2) / 1e4
            ),
        )
        taken.append(_box(spot, best, width, height, panel.figure.dpi))
        label = panel.annotate(
            words,
            (point.latency_ms, point.quality),
            xytext=best,
            textcoords="offset points",
            ha=_SIDES[_sign(best[0])],
            va=_LEVELS[_sign(best[1])],
            zorder=6,
            color="#1f2933",
            **_FONT,
            path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.85)],
            arrowprops={"arrowstyle": "-", "color": "#9aa3ad", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )
        label.set_in_layout(False)


_FONT: dict[str, Any] = {"fontsize": 7, "linespacing": 1.05}
_SIDES = {1: "left", 0: "center", -1: "right"}
_LEVELS = {1: "bottom", 0: "center", -1: "top"}
_OFFSETS = [
    (dx * reach, dy * reach)
    for reach in (9, 22, 38, 58, 80, 105)
    for dx, dy in ((-1, 1), (1, -1), (0, 1), (0, -1), (1, 1), (-1, -1), (1, 0), (-1, 0))
]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _size(panel: Any, words: str, renderer: Any) -> tuple[float, float]:
    """Width and height of a label in pixels."""
    probe = panel.text(0, 0, words, **_FONT)
    extent = probe.get_window_extent(renderer)
    probe.remove()
    return extent.width, extent.height


def _box(spot: Any, offset: tuple[float, float], width: float, height: float, dpi: float) -> Any:
    """Box in pixels of a label whose edge or corner stands ``offset`` points from ``spot``."""
    from matplotlib.transforms import Bbox

    x, y = (pixel + points * dpi / 72 for pixel, points in zip(spot, offset, strict=True))
    left = x + (_sign(offset[0]) - 1) * width / 2
    bottom = y + (_sign(offset[1]) - 1) * height / 2
    return Bbox.from_bounds(left, bottom, width, height).padded(2)


def _crowding(
    box: Any, taken: Sequence[Any], marks: Sequence[Any], lines: Sequence[Any], panel: Any
) -> float:
    """How much a label at ``box`` would hide: labels and the edge weigh most, then points, lines."""
    cost = 100.0 * sum(box.overlaps(other) for other in taken)
    around = box.padded(MARK_RADIUS_PX)
    cost += 8.0 * sum(around.contains(*mark) for mark in marks)
    inside = box.x0 >= panel.x0 and box.x1 <= panel.x1 and box.y0 >= panel.y0 and box.y1 <= panel.y1
    cost += 0.0 if inside else 200.0
    for start, end in lines:
        cost += 2.0 * _crosses(box, start, end)
    return cost


def _crosses(box: Any, start: Any, end: Any) -> bool:
    """Whether a straight line goes through a box (Liang and Barsky's clipping)."""
    enter, leave = 0.0, 1.0
    for low, high, at, to in ((box.x0, box.x1, start[0], end[0]), (box.y0, box.y1, start[1], end[1])):
        if at == to:
            if not low <= at <= high:
                return False
            continue
        first, second = sorted(((low - at) / (to - at), (high - at) / (to - at)))
        enter, leave = max(enter, first), min(leave, second)
    return bool(enter <= leave)
