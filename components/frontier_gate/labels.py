"""Where names may stand in a panel of the picture: beside their points, and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.frontier_gate.stairs import Spot

Line = tuple[Spot, Spot]
Pixels = npt.NDArray[np.float64]

MARK_RADIUS_PX = 9.0
# Of more names in a panel none may stand far from its point: their leaders would be a tangle.
MOST_LEADERS = 12
NEAR_PT = 30
# Dearer than this, a place hides another name or leaves the panel: the point goes without its name.
FORBIDDEN = 100.0

_FONT: dict[str, Any] = {"fontsize": 7, "linespacing": 1.05}
_SIDES = {1: "left", 0: "center", -1: "right"}
_LEVELS = {1: "bottom", 0: "center", -1: "top"}
_OFFSETS = [
    (dx * reach, dy * reach)
    for reach in (9, 22, 38, 58, 80, 105)
    for dx, dy in ((-1, 1), (1, -1), (0, 1), (0, -1), (1, 1), (-1, -1), (1, 0), (-1, 0))
]


def write_names(
    panel: Any, names: Mapping[Spot, str], marks: Sequence[Spot], lines: Sequence[Line], canvas: Any
) -> int:
    """Writes names where they hide neither a point nor each other; the first ones choose first.

    Args:
      panel: matplotlib's axes, laid out.
      names: What to write, by the point's place in the panel's figures.
      marks: All points; those that are named had best stay visible.
      lines: Straight lines that names had better not cross, from figures to figures.
      canvas: The figure's canvas.

    Returns:
      How many names found no place.
    """
    from matplotlib.patheffects import withStroke

    renderer = canvas.get_renderer()
    spots = panel.transData.transform(np.reshape(marks, (-1, 2)))
    named = panel.transData.transform(np.reshape(list(names), (-1, 2)))
    ends = [tuple(panel.transData.transform(np.array(line))) for line in lines]
    edge = panel.get_window_extent(renderer)
    dpi = panel.figure.dpi
    taken: list[Any] = []
    homeless = 0
    offsets = [at for at in _OFFSETS if len(names) <= MOST_LEADERS or max(map(abs, at)) <= NEAR_PT]
    for at, words in names.items():
        spot = panel.transData.transform(at)
        width, height = _size(panel, words, renderer)
        costs = {
            offset: _crowding(_box(spot, offset, width, height, dpi), taken, spots, named, ends, edge)
            + (offset[0] ** 2 + offset[1] ** 2) / 1e4
            for offset in offsets
        }
        best = min(costs, key=lambda offset: costs[offset])
        if costs[best] >= FORBIDDEN:
            homeless += 1
            continue
        taken.append(_box(spot, best, width, height, dpi))
        panel.annotate(
            words,
            at,
            xytext=best,
            textcoords="offset points",
            ha=_SIDES[_sign(best[0])],
            va=_LEVELS[_sign(best[1])],
            zorder=8,
            color="#1f2933",
            **_FONT,
            path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.85)],
            arrowprops={"arrowstyle": "-", "color": "#9aa3ad", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )
    return homeless


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _size(panel: Any, words: str, renderer: Any) -> tuple[float, float]:
    """Width and height of a label in pixels."""
    probe = panel.text(0, 0, words, **_FONT)
    extent = probe.get_window_extent(renderer)
    probe.remove()
    return extent.width, extent.height


def _box(spot: Any, offset: Spot, width: float, height: float, dpi: float) -> Any:
    """Box in pixels of a label whose edge or corner stands ``offset`` points from ``spot``."""
    from matplotlib.transforms import Bbox

    x, y = (pixel + points * dpi / 72 for pixel, points in zip(spot, offset, strict=True))
    left = x + (_sign(offset[0]) - 1) * width / 2
    bottom = y + (_sign(offset[1]) - 1) * height / 2
    return Bbox.from_bounds(left, bottom, width, height).padded(4)


def _crowding(
    box: Any, taken: Sequence[Any], marks: Pixels, named: Pixels, lines: Sequence[Any], panel: Any
) -> float:
    """How much a label at ``box`` would hide: labels and the edge weigh most, then points, lines."""
    cost = FORBIDDEN * sum(box.overlaps(other) for other in taken)
    around = box.padded(MARK_RADIUS_PX)
    # In a cloud of beaten points a name may lie on some of them rather than be lost.
    cost += min(8.0 * _inside(around, marks), 0.6 * FORBIDDEN) + 0.45 * FORBIDDEN * _inside(around, named)
    if not (box.x0 >= panel.x0 and box.x1 <= panel.x1 and box.y0 >= panel.y0 and box.y1 <= panel.y1):
        cost += 2 * FORBIDDEN
    cost += min(2.0 * sum(_crosses(box, start, end) for start, end in lines), 10.0)
    return cost


def _inside(box: Any, spots: Pixels) -> int:
    return int(((spots >= box.min) & (spots <= box.max)).all(axis=1).sum())


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
