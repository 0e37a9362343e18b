"""What a search expected of every candidate, trained or left out, as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.page.chart_scale import ChartScale
from schemas.search_reports import CandidatePlace, SearchReport

WIDTH, HEIGHT = 600.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 584.0, 16.0, 272.0


@dataclass(frozen=True)
class Spot:
    """One candidate in pixels."""

    candidate: CandidatePlace
    x: float
    y: float


@dataclass(frozen=True)
class SearchChart:
    """Expectation over multiply-accumulates.

    Attributes:
      spots: Candidates with an expectation; those left out come first, so that they are drawn below.
      x_ticks: Pixel and label, across.
      y_ticks: The same, up.
    """

    spots: Sequence[Spot]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


def search_chart(search: SearchReport) -> SearchChart | None:
    """The chart of a search; None if nothing was expected of any candidate."""
    known = {one.candidate_id: one for one in search.candidates if one.expected is not None}
    if not known:
        return None
    macs = ChartScale.over([one.mega_macs for one in known.values()], log=True)
    expected = ChartScale.over([one.expected or 0.0 for one in known.values()])
    return SearchChart(
        spots=[
            Spot(
                one,
                macs.place(one.mega_macs, LEFT, RIGHT),
                expected.place(one.expected or 0.0, BOTTOM, TOP),
            )
            for one in sorted(known.values(), key=lambda one: one.chosen)
        ],
        x_ticks=[(macs.place(tick, LEFT, RIGHT), f"{tick:g}") for tick in macs.ticks()],
        y_ticks=[(expected.place(tick, BOTTOM, TOP), f"{tick:g}") for tick in expected.ticks()],
    )
