"""The one file to ship, and how much of the best quality is luck.

A frontier keeps what cannot be shown to be beaten, so with few test clips it is long. A reader wants one
name, and a rule that can be said in a sentence: of the blessed files the one of the best quality; of those
whose quality cannot be told from the best, the fastest (on a board that is not timed, the one with the
fewest multiply-accumulates, then the smallest arena); of those whose latency cannot be told from the fastest,
the smallest. (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3: of models
that cannot be told apart take the least costly.) Whether two can be told apart is asked as dominance asks.

Beside it stands what is smaller or faster still and what that costs, what really is separated, and the
optimism of having picked the best of many on the clips that it is reported on: the mean, over the bootstrap
draws, of what the winner of a draw scores there above what it scores on all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from components.common.frontier.axes import Entrant, figure_of, measure_axes, misplaced, place
from components.common.frontier.draws import MEAN
from components.common.frontier.scales import Bools, Scale
from components.common.frontier.settings import AxisSettings
from schemas.devices import Budget
from schemas.tensors import VariantInput
from schemas.verdicts import (
    Alternative,
    AxisInfo,
    AxisMetric,
    FrontierPoint,
    Recommendation,
    SeparatedPair,
)

MOST_PAIRS = 50
# What a tie in quality is decided by: first the axes that the run was asked to compete on, then these.
_COSTS: tuple[AxisMetric, ...] = ("latency", "mega_macs", "arena_kib", "bytes")


def recommend(
    points: Sequence[FrontierPoint],
    entrants: Sequence[Entrant],
    axes: Sequence[AxisInfo],
    budgets: Sequence[Budget] = (),
) -> list[Recommendation]:
    """A recommendation for each input that has a blessed point.

    Args:
      points: This run's, judged.
      entrants: The same points with their draws.
      axes: As they were applied; without quality among them nothing is recommended.
      budgets: Of the device, which every blessed point keeps to.
    """
    # The mean decides where it is an axis, else the first task that is.
    of_quality = sorted((axis for axis in axes if axis.metric == "quality"), key=lambda axis: bool(axis.task))
    if not of_quality:
        return []
    quality = of_quality[0]
    blessed = {point.point_id for point in points if point.blessed}
    found, by_name = [], {entrant.name: entrant for entrant in entrants}
    for kind in dict.fromkeys(point.input for point in points):
        of_kind = [by_name[point.point_id] for point in points if point.input == kind]
        standing = [entrant for entrant in of_kind if entrant.name in blessed]
        if standing:
            found.append(_recommend(kind, standing, of_kind, quality, axes, budgets))
    return found


def optimism(entrants: Sequence[Entrant], task: str = MEAN) -> float | None:
    """How much too good the quality of the best entrant is for having been picked; None without draws.

    Of the mean, or of one task. Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 17.6.
    """
    drawn = [entrant.draws.get(task) for entrant in entrants]
    known = [draws for draws in drawn if draws is not None]
    if len(known) < len(drawn) or len({len(draws) for draws in known}) != 1:
        return None
    draws = np.stack(known)
    # Draws are centred on the figures: what a resample changes is what counts.
    changes = draws - draws.mean(axis=1, keepdims=True)
    figures = np.array([_figure(entrant, "quality", task) for entrant in entrants])
    winners = (figures[:, None] + changes).argmax(axis=0)
    return float(changes[winners, np.arange(draws.shape[1])].mean())


def _recommend(
    kind: VariantInput,
    standing: Sequence[Entrant],
    all_of_kind: Sequence[Entrant],
    quality: AxisInfo,
    axes: Sequence[AxisInfo],
    budgets: Sequence[Budget],
) -> Recommendation:
    score = {one.name: _figure(one, "quality", quality.task) for one in standing}
    ranked = sorted(standing, key=lambda one: (-score[one.name], one.point.cost, one.name))
    better = _better(ranked, quality)
    tied = [entrant for at, entrant in enumerate(ranked) if not better[0, at]]
    chosen = _cheapest(tied, axes, score)
    separated = [
        SeparatedPair(
            better=ranked[upper].name,
            worse=ranked[lower].name,
            difference=score[ranked[upper].name] - score[ranked[lower].name],
        )
        for upper, lower in np.argwhere(better)
    ]
    pairs = {(pair.better, pair.worse) for pair in separated}
    apart = {name for pair in pairs if chosen.name in pair for name in pair}
    luck = optimism(all_of_kind, quality.task)
    return Recommendation(
        input=kind,
        task=quality.task,
        point_id=chosen.name,
        not_separable=[e.name for e in standing if e.name != chosen.name and e.name not in apart],
        separated=sorted(separated, key=lambda pair: (-pair.difference, pair.better, pair.worse))[
            :MOST_PAIRS
        ],
        separated_pairs=len(separated),
        best=ranked[0].name,
        best_quality=score[ranked[0].name],
        best_corrected=None if luck is None else score[ranked[0].name] - luck,
        tied=[entrant.name for entrant in tied],
        within=[limit for budget in budgets if budget.input in (None, kind) for limit in _limits_of(budget)],
        alternatives=[
            Alternative(
                point_id=other.name,
                quality_difference=score[other.name] - score[chosen.name],
                separated=(chosen.name, other.name) in pairs,
                bytes_share=other.point.bytes / chosen.point.bytes,
                latency_share=_share(other.point.latency_ratio, chosen.point.latency_ratio),
                mega_macs_share=_share(other.point.mega_macs, chosen.point.mega_macs),
                arena_share=_share(other.point.arena_kib, chosen.point.arena_kib),
            )
            for other in _cheaper(chosen, standing, axes, score)
        ],
    )


def _better(entrants: Sequence[Entrant], axis: AxisInfo) -> Bools:
    """``(n, n)``: which is clearly better than which on an axis, by the comparison of dominance."""
    (placed,) = place([AxisSettings(metric=axis.metric, task=axis.task)], [axis], entrants)
    everyone = np.arange(len(entrants))
    asked = np.ones((len(entrants), len(entrants)), dtype=np.bool_)
    return Scale(placed, axes=1).better(everyone, everyone, asked)


def _cheapest(tied: Sequence[Entrant], axes: Sequence[AxisInfo], score: Mapping[str, float]) -> Entrant:
    """Cost by cost only those stay that the least one is not clearly better than; then the best quality."""
    left = list(tied)
    for axis in _costs(axes, left):
        left.sort(key=lambda entrant: _figure(entrant, axis.metric))
        better = _better(left, axis)
        left = [entrant for at, entrant in enumerate(left) if not better[0, at]]
    return min(left, key=lambda one: (-score[one.name], one.point.cost, one.point.bytes, one.name))


def _cheaper(
    chosen: Entrant, standing: Sequence[Entrant], axes: Sequence[AxisInfo], score: Mapping[str, float]
) -> list[Entrant]:
    """The blessed points of least latency (on a board: arithmetic, arena) and size that clearly have less."""
    found: list[Entrant] = []
    for axis in _costs(axes, standing):
        if axis.metric in _COSTS:
            least = min(standing, key=lambda one: (_figure(one, axis.metric), -score[one.name], one.name))
            if least.name not in [one.name for one in found] and _better([least, chosen], axis)[0, 1]:
                found.append(least)
    return found


def _costs(axes: Sequence[AxisInfo], entrants: Sequence[Entrant]) -> list[AxisInfo]:
    """The axes of the run that cost something, then the further costs that all entrants have a figure of."""
    asked = [axis for axis in axes if axis.metric != "quality"]
    others = [AxisSettings(metric=metric) for metric in _COSTS if metric not in {a.metric for a in asked}]
    known = [one for one in others if not any(misplaced(entrant.point, [one]) for entrant in entrants)]
    return [*asked, *measure_axes(known, entrants)]


def _figure(entrant: Entrant, metric: AxisMetric, task: str = "") -> float:
    figure = figure_of(entrant.point, AxisSettings(metric=metric, task=task))
    if figure is None:
        raise ValueError(f"{entrant.name} is judged, but has no {metric}{f' on {task}' if task else ''}")
    return figure


def _share(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def _limits_of(budget: Budget) -> list[str]:
    """As in '8 ms (p95)', or '256 KiB of arena'."""
    words = []
    if budget.milliseconds is not None:
        words.append(f"{budget.milliseconds:.12g} ms ({budget.percentile})")
    if budget.real_time_factor is not None:
        words.append(f"a real-time factor of {budget.real_time_factor:.12g} ({budget.percentile})")
    if budget.arena_kib is not None:
        words.append(f"{budget.arena_kib:.12g} KiB of arena")
    if budget.flash_kib is not None:
        words.append(f"{budget.flash_kib:.12g} KiB of flash")
    if budget.mega_macs is not None:
        words.append(f"{budget.mega_macs:.12g} M multiply-accumulates")
    return words
