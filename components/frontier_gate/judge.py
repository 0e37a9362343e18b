"""Goals and dominance over all points of a run."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.frontier_gate.dominance import Axis, Comparison, find_frontier, thin_ties
from components.frontier_gate.points import Contender
from components.frontier_gate.settings import UNITS, GateSettings, Goal
from schemas.devices import VariantInput
from schemas.noss_reports import PairedDifference
from schemas.verdicts import FrontierPoint, GoalResult, ReferenceQuality, RefusedVariant

INPUT_KINDS: tuple[VariantInput, ...] = ("wave", "core")


@dataclass(frozen=True)
class Standing:
    """Where points stand among the points they compete with.

    Attributes:
      winners: For each beaten point the points that beat it, best first.
      replaced: Points left out of a tie, with the one that stays.
    """

    winners: dict[str, list[str]]
    replaced: dict[str, str]

    def stands(self, point: str) -> bool:
        """Whether the point is on the frontier."""
        return point not in self.winners and point not in self.replaced


def judge(
    contenders: Sequence[Contender],
    teacher: ReferenceQuality,
    against_teacher: Mapping[str, PairedDifference],
    settings: GateSettings,
) -> tuple[list[FrontierPoint], float]:
    """Judges all points: goals filter first for blessing, dominance decides second.

    The frontier is taken of all points of an input kind, whatever the goals say. Blessed are the points
    that meet all goals and stand on the frontier of those that do.

    Returns:
      The points, wave before core and best quality first, and the latency margin that was applied.
    """
    margin = session_margin(contenders, settings)
    points: list[FrontierPoint] = []
    for kind in INPUT_KINDS:
        group = sorted(
            (contender for contender in contenders if contender.variant.input == kind),
            key=lambda contender: (-contender.quality.mean, contender.latency.ratio, contender.point_id),
        )
        goals = {contender.point_id: check_goals(contender, teacher, settings.goals) for contender in group}
        feasible = [c for c in group if all(goal.met for goal in goals[c.point_id])]
        everyone = stand(group, settings, margin)
        among_feasible = stand(feasible, settings, margin)
        points.extend(
            _point(
                contender,
                teacher,
                against_teacher[contender.point_id],
                goals[contender.point_id],
                everyone,
                among_feasible,
            )
            for contender in group
        )
    return points, margin


def session_margin(contenders: Sequence[Contender], settings: GateSettings) -> float:
    """The relative latency margin: the setting, or the session's typical spread if that is wider.

    The typical spread is the median, over all points, of half the width of the ratio's interval.
    """
    spreads = [(c.latency.ratio_high - c.latency.ratio_low) / 2 / c.latency.ratio for c in contenders]
    return max(settings.latency_margin, statistics.median(spreads)) if spreads else settings.latency_margin


def stand(group: Sequence[Contender], settings: GateSettings, latency_margin: float) -> Standing:
    """Dominance in (quality up, latency down) among points of one input kind."""
    if not group:
        return Standing({}, {})
    names = [contender.point_id for contender in group]
    comparison = Comparison(
        [
            Axis("quality", [c.quality.mean for c in group], settings.quality_margin),
            Axis(
                "latency ratio",
                [c.latency.ratio for c in group],
                latency_margin,
                low=[c.latency.ratio_low for c in group],
                high=[c.latency.ratio_high for c in group],
                larger_is_better=False,
                relative=True,
            ),
        ]
    )
    dominance = find_frontier(comparison)
    replaced: dict[int, int] = {}
    if settings.ties == "thin":
        replaced = thin_ties(comparison, dominance.frontier, [c.variant.bytes for c in group])
    return Standing(
        {names[i]: [names[w] for w in winners] for i, winners in enumerate(dominance.beaten_by) if winners},
        {names[left_out]: names[stays] for left_out, stays in replaced.items()},
    )


def check_goals(contender: Contender, teacher: ReferenceQuality, goals: Sequence[Goal]) -> list[GoalResult]:
    """Holds one point against the goals for its input kind."""
    results = []
    for goal in goals:
        if goal.input not in (None, contender.variant.input):
            continue
        value, limit = figure(contender, goal), absolute_limit(goal, teacher)
        met = value >= limit if goal.metric == "quality" else value <= limit
        results.append(GoalResult(goal=describe_goal(goal, teacher), value=value, limit=limit, met=met))
    return results


def figure(contender: Contender, goal: Goal) -> float:
    """The figure of a point that a goal limits."""
    return {
        "quality": contender.quality.mean,
        "latency_ms": contender.latency.p50_ms,
        "latency_ratio": contender.latency.ratio,
        "bytes": float(contender.variant.bytes),
        "peak_mib": contender.latency.peak_mib,
    }[goal.metric]


def absolute_limit(goal: Goal, teacher: ReferenceQuality) -> float:
    """A goal's limit in the unit of its metric."""
    if goal.kind == "threshold":
        return goal.limit
    return teacher.quality * (1 - goal.limit) if goal.relative else teacher.quality - goal.limit


def describe_goal(goal: Goal, teacher: ReferenceQuality) -> str:
    """A goal in words, with its limit and unit."""
    limit = absolute_limit(goal, teacher)
    scope = f" ({goal.input} only)" if goal.input else ""
    if goal.kind == "max_degradation":
        loss = f"{100 * goal.limit:g} %" if goal.relative else f"{goal.limit:g}"
        return f"quality at least {limit:.3f} accuracy, {loss} below the teacher's{scope}"
    word = "at least" if goal.metric == "quality" else "at most"
    return f"{goal.metric} {word} {limit:,.12g} {UNITS[goal.metric]}{scope}"


def summarise(points: Sequence[FrontierPoint], refused: Sequence[RefusedVariant]) -> str:
    """The outcome in a sentence; says why if nothing is blessed."""
    frontier = [point for point in points if point.on_frontier]
    blessed = [point for point in points if point.blessed]
    files = "variant" if len(refused) == 1 else "variants"
    counts = f"{len(points)} points, {len(frontier)} on the frontier, {len(refused)} {files} refused"
    if blessed:
        return f"{len(blessed)} blessed ({counts})."
    missed = Counter(goal.goal for point in points for goal in point.goals if not goal.met)
    often = "; ".join(f"{goal}: missed by {count} of {len(points)}" for goal, count in missed.most_common(3))
    return f"Nothing is blessed and nothing may be pushed: no point meets all goals ({counts}). {often}."


def _point(
    contender: Contender,
    teacher: ReferenceQuality,
    difference: PairedDifference,
    goals: list[GoalResult],
    everyone: Standing,
    among_feasible: Standing,
) -> FrontierPoint:
    name, latency, quality = contender.point_id, contender.latency, contender.quality
    goals_met = all(goal.met for goal in goals)
    blessed = goals_met and among_feasible.stands(name)
    return FrontierPoint(
        point_id=name,
        candidate_id=contender.converted.candidate_id,
        variant=contender.variant.name,
        input=contender.variant.input,
        sha256=contender.variant.sha256,
        quality=quality.mean,
        quality_low=quality.mean_low,
        quality_high=quality.mean_high,
        quality_of_teacher=quality.mean / teacher.quality if teacher.quality else 0.0,
        teacher_difference=difference.difference,
        teacher_difference_low=difference.low,
        teacher_difference_high=difference.high,
        latency_ms=latency.p50_ms,
        latency_low_ms=latency.spread_low_ms,
        latency_high_ms=latency.spread_high_ms,
        latency_ratio=latency.ratio,
        latency_ratio_low=latency.ratio_low,
        latency_ratio_high=latency.ratio_high,
        peak_mib=latency.peak_mib,
        bytes=contender.variant.bytes,
        parameters=contender.converted.parameters,
        goals=goals,
        goals_met=goals_met,
        on_frontier=everyone.stands(name),
        dominated_by=_ahead(name, everyone),
        blessed=blessed,
        reasons=[] if blessed else _reasons(name, goals, among_feasible if goals_met else everyone),
    )


def _ahead(name: str, standing: Standing) -> list[str]:
    """Who stands in a point's place: frontier points that beat it, or the one kept of its tie."""
    if name in standing.replaced:
        return [standing.replaced[name]]
    winners = standing.winners.get(name, [])
    standing_winners = [winner for winner in winners if standing.stands(winner)]
    return standing_winners or list(dict.fromkeys(standing.replaced[winner] for winner in winners))


def _reasons(name: str, goals: list[GoalResult], standing: Standing) -> list[str]:
    reasons = [f"misses: {goal.goal} (it has {goal.value:,.4g})" for goal in goals if not goal.met]
    if name in standing.replaced:
        reasons.append(f"tied with {standing.replaced[name]}, which is the smaller file")
    elif name in standing.winners:
        ahead = _ahead(name, standing)
        more = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
        reasons.append(f"beaten by {ahead[0]}{more}")
    return reasons
