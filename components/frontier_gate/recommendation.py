"""One file to take where noise leaves several, and how much of the best quality is luck.

A frontier keeps what cannot be shown to be beaten, so with few test clips it is long. A reader wants one
name: the fastest of the blessed files whose quality is within the margin of the best. Beside it stands what
really is separated, and the optimism of having picked the best of many on the clips that it is reported on:
the mean, over the bootstrap draws, of what the winner of a draw scores there above what it scores on all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from components.common.frontier.axes import Entrant, place
from components.common.frontier.draws import MEAN
from components.common.frontier.scales import Scale
from components.common.frontier.settings import AxisSettings
from schemas.tensors import VariantInput
from schemas.verdicts import AxisInfo, FrontierPoint, Recommendation, SeparatedPair

MOST_PAIRS = 50


def recommend(
    points: Sequence[FrontierPoint], entrants: Sequence[Entrant], axes: Sequence[AxisInfo]
) -> list[Recommendation]:
    """A recommendation for each input that has a blessed point.

    Args:
      points: This run's, judged.
      entrants: The same points with their draws.
      axes: As they were applied; without quality among them nothing is recommended.
    """
    quality = next((axis for axis in axes if axis.metric == "quality" and not axis.task), None)
    if quality is None:
        return []
    blessed = {point.point_id for point in points if point.blessed}
    found, by_name = [], {entrant.name: entrant for entrant in entrants}
    for kind in dict.fromkeys(point.input for point in points):
        of_kind = [by_name[point.point_id] for point in points if point.input == kind]
        standing = [entrant for entrant in of_kind if entrant.name in blessed]
        if standing:
            found.append(_recommend(kind, standing, of_kind, quality))
    return found


def optimism(entrants: Sequence[Entrant]) -> float | None:
    """How much too good the quality of the best entrant is for having been picked; None without draws.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 17.6.
    """
    drawn = [entrant.draws.get(MEAN) for entrant in entrants]
    known = [draws for draws in drawn if draws is not None]
    if len(known) < len(drawn) or len({len(draws) for draws in known}) != 1:
        return None
    draws = np.stack(known)
    # Draws are centred on the figures: what a resample changes is what counts.
    changes = draws - draws.mean(axis=1, keepdims=True)
    figures = np.array([entrant.point.quality for entrant in entrants])
    winners = (figures[:, None] + changes).argmax(axis=0)
    return float(changes[winners, np.arange(draws.shape[1])].mean())


def _recommend(
    kind: VariantInput, standing: Sequence[Entrant], all_of_kind: Sequence[Entrant], axis: AxisInfo
) -> Recommendation:
    best = max(standing, key=lambda entrant: (entrant.point.quality, -entrant.point.cost))
    near = [entrant for entrant in standing if entrant.point.quality >= best.point.quality - axis.margin]
    chosen = min(near, key=lambda entrant: (entrant.point.cost, entrant.point.bytes, entrant.name))
    pairs = _separated(standing, axis)
    apart = {
        name
        for pair in pairs
        if chosen.name in (pair.better, pair.worse)
        for name in (pair.better, pair.worse)
    }
    luck = optimism(all_of_kind)
    return Recommendation(
        input=kind,
        point_id=chosen.name,
        not_separable=[e.name for e in standing if e.name != chosen.name and e.name not in apart],
        separated=sorted(pairs, key=lambda pair: (-pair.difference, pair.better, pair.worse))[:MOST_PAIRS],
        separated_pairs=len(pairs),
        best=best.name,
        best_quality=best.point.quality,
        best_corrected=None if luck is None else best.point.quality - luck,
    )


def _separated(standing: Sequence[Entrant], axis: AxisInfo) -> list[SeparatedPair]:
    """The pairs of which one is of clearly better quality, by the comparison that dominance rests on."""
    (placed,) = place([AxisSettings(metric=axis.metric)], [axis], standing)
    everyone = np.arange(len(standing))
    asked = np.ones((len(standing), len(standing)), dtype=np.bool_)
    better = Scale(placed, axes=1).better(everyone, everyone, asked)
    return [
        SeparatedPair(
            better=standing[upper].name,
            worse=standing[lower].name,
            difference=standing[upper].point.quality - standing[lower].point.quality,
        )
        for upper, lower in np.argwhere(better)
    ]
