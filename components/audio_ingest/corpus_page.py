"""The statistics of a corpus as one HTML page that needs no other file; its pictures are inline SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from components.common.reporting.templates import environment
from schemas.corpus_statistics import CorpusStatistics, Histogram, SplitStatistics

TEMPLATE = "corpus_page.html.j2"
LABELS_SHOWN = 40

# Of the picture and of what is drawn in it, in units of SVG.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 190, 46, 8, 10, 34
_MOST_TICKS = 6


@dataclass(frozen=True)
class Bar:
    """A bin of a histogram.

    Attributes:
      x: Left edge.
      y: Upper edge.
      width: Breadth.
      height: Height.
      outside: Whether it stands for all that lies outside the bins.
      says: The bin and its clips in words.
    """

    x: float
    y: float
    width: float
    height: float
    outside: bool
    says: str


@dataclass(frozen=True)
class Chart:
    """A histogram as it is drawn.

    Attributes:
      bars: Bins with clips.
      across: Ticks of the value: where, and what it says.
      up: Ticks of the share of clips: where, and what it says.
      unit: Of the value.
    """

    bars: list[Bar]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    unit: str


def render(statistics: CorpusStatistics) -> str:
    """The page's HTML."""
    pages = environment(
        Path(__file__).parent, {"number": _number, "hours": _hours, "share": _share, "chart": chart}
    )
    most = max((label.total for label in statistics.labels), default=0)
    return pages.get_template(TEMPLATE).render(
        statistics=statistics,
        splits=statistics.splits,
        clips=sum(split.clips for split in statistics.splits.values()),
        hours=sum(split.hours for split in statistics.splits.values()),
        duplicates=sum(statistics.duplicates.clips.values()),
        reasons=sorted({reason for split in statistics.splits.values() for reason in split.left_out}),
        rates=sorted({rate.hertz for split in statistics.splits.values() for rate in split.source_rates}),
        clips_at=_clips_at,
        labels=statistics.labels[:LABELS_SHOWN],
        most=most,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        floor=HEIGHT - BOTTOM,
    )


def chart(histogram: Histogram) -> Chart:
    """Places the bars of a histogram; what lies outside its bins has a bar at either end."""
    counts = [histogram.below, *histogram.counts, histogram.above]
    total = sum(counts)
    top = _round_up(max(counts) / total) if total else 1.0
    step = (WIDTH - LEFT - RIGHT) / len(counts)
    room = HEIGHT - TOP - BOTTOM
    bars = []
    for number, count in enumerate(counts):
        if count:
            height = room * count / total / top
            bars.append(
                Bar(
                    x=LEFT + number * step + 0.5,
                    y=HEIGHT - BOTTOM - height,
                    width=step - 1,
                    height=height,
                    outside=number in (0, len(counts) - 1),
                    says=f"{_bin(histogram, number)}: {_number(count)} of {_number(total)} clips",
                )
            )
    every = math.ceil((len(histogram.edges) - 1) / (_MOST_TICKS - 1))
    across = [
        (LEFT + (number + 1) * step, _value(edge))
        for number, edge in enumerate(histogram.edges)
        if number % every == 0
    ]
    up = [(HEIGHT - BOTTOM - room * part, f"{100 * top * part:g} %") for part in (0.0, 0.5, 1.0)]
    return Chart(bars, across, up, histogram.unit)


def _bin(histogram: Histogram, number: int) -> str:
    edges, unit = [_value(edge) for edge in histogram.edges], histogram.unit
    if number == 0:
        return f"{edges[0]} {unit} or less"
    if number == len(edges):
        return f"more than {edges[-1]} {unit}"
    return f"above {edges[number - 1]} to {edges[number]} {unit}"


def _value(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _round_up(share: float) -> float:
    """The next share with one digit that halves well."""
    power = 10.0 ** math.floor(math.log10(share))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= share * (1 - 1e-9))


def _clips_at(split: SplitStatistics, hertz: int) -> int:
    return next((rate.clips for rate in split.source_rates if rate.hertz == hertz), 0)


def _number(value: int) -> str:
    return f"{value:,}"


def _hours(value: float) -> str:
    return f"{value:,.1f}" if value >= 10 else f"{value:.3f}"


def _share(part: int, whole: int) -> str:
    """A share in per cent; nothing of nothing is not a share."""
    return f"{100 * part / whole:.2f} %" if whole else "\N{EN DASH}"
