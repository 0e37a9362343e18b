"""Goals and dominance over all points of a run on one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.common.frontier.axes import INPUT_KINDS, Entrant, measure_axes, place
from components.common.frontier.dominance import Comparison, find_frontier, thin_ties
from components.common.frontier.draws import MEAN, pack, paired_with, unpack
from components.common.frontier.goal_references import Compared, GoalReferences
from components.common.frontier.goals import applicable, check_goals
from components.common.frontier.incumbents import Incumbent
from components.common.frontier.misses import nearest_first
from components.common.frontier.scales import Floats
from components.common.frontier.settings import GateDemands, GateSettings, Ties
from schemas.verdicts import AxisInfo, FrontierPoint, GoalResult, RegisteredPoint

_MOST_NEAREST = 3
_NOT_MET = {False: "misses", True: "undecided"}
_WHY_KEPT: dict[Ties, str] = {
    "keep": "",
    "smallest": "the smaller file",
    "fastest": "the cheaper one to run",
    "best": "the one of better quality",
}


@dataclass(frozen=True)
class Judgement:
    """What became of all points on a device.

    Attributes:
      points: Wave before core, best quality first.
      registered: All registered versions, competing or not.
      axes: The axes with their margins.
    """

    points: list[FrontierPoint]
    registered: list[RegisteredPoint]
    axes: list[AxisInfo]


@dataclass(frozen=True)
class Rank:
    """Where entrants stand among those they compete with.

    Attributes:
      winners: For each beaten entrant those of the frontier that beat it, best first.
      replaced: Points left out of a tie, with the one that stays.
    """

    winners: Mapping[str, list[str]]
    replaced: Mapping[str, str]

    def stands(self, name: str) -> bool:
        """Whether the entrant is on the frontier."""
        return name not in self.winners and name not in self.replaced

    def ahead_of(self, name: str) -> list[str]:
        """Who stands in an entrant's place: those of the frontier that beat it, or what stays of its tie."""
        if name in self.replaced:
            return [self.replaced[name]]
        return list(dict.fromkeys(self.replaced.get(winner, winner) for winner in self.winners.get(name, [])))


def judge(
    own: Sequence[Entrant],
    incumbents: Sequence[Incumbent],
    goal_references: GoalReferences,
    settings: GateDemands,
    device: str,
) -> Judgement:
    """Judges all points: goals filter first for blessing, dominance decides second.

    The frontier is taken of all points of an input kind, whatever the goals say, together with the
    registered models. Blessed are the points that meet all goals and stand on the frontier of all that do.

    Args:
      own: This run's points, each with a figure on every axis.
      incumbents: The registered versions.
      goal_references: What goals are held against.
      settings: Goals, axes, ties and budgets.
      device: Name of the device.
    """
    goals, budgets = applicable(settings.goals, device), settings.budgets.get(device, ())
    drawn = [entrant.draws for entrant in own]
    rivals = [
        Entrant(
            incumbent.name,
            incumbent.point,
            paired_with(unpack(incumbent.point.quality_draws), drawn),
            own=False,
        )
        for incumbent in incumbents
        if not incumbent.reason
    ]
    axes = measure_axes(settings.axes, [*own, *rivals])
    goal_references = replace(goal_references, draws=mean_draws(own, incumbents))
    # The comparison knows nothing of registered models, and one may bear the name of a point of this run.
    elsewhere = replace(goal_references, compared=Compared())
    results = {
        entrant.name: check_goals(
            entrant.point, goals, budgets, goal_references if entrant.own else elsewhere
        )
        for entrant in (*own, *rivals)
    }
    judged: list[FrontierPoint] = []
    beaten_by: dict[str, list[str]] = {}
    for kind in INPUT_KINDS:
        group = sorted(
            (entrant for entrant in (*own, *rivals) if entrant.point.input == kind),
            key=lambda e: (-e.point.quality, e.point.cost, not e.own, e.name),
        )
        feasible = [entrant for entrant in group if _meets(results[entrant.name])]
        everyone = rank(group, axes, settings)
        among_feasible = everyone if len(feasible) == len(group) else rank(feasible, axes, settings)
        for entrant in group:
            if entrant.own:
                judged.append(_judged(entrant, results[entrant.name], everyone, among_feasible, settings))
            else:
                beaten_by[entrant.name] = everyone.ahead_of(entrant.name)
    registered = [one.reported(beaten_by.get(one.name, ())) for one in incumbents]
    return Judgement(judged, registered, axes)


def mean_draws(own: Sequence[Entrant], incumbents: Sequence[Incumbent]) -> dict[str, Floats]:
    """Draws of the mean quality by name, also of a registered model that is a file of this run."""
    drawn = [entrant.draws for entrant in own]
    known = {entrant.name: entrant.draws for entrant in own}
    for one in incumbents:
        if not one.incomparable:
            known[one.name] = paired_with(unpack(one.point.quality_draws), drawn)
    return {name: draws[MEAN] for name, draws in known.items() if MEAN in draws}


def rank(group: Sequence[Entrant], axes: Sequence[AxisInfo], settings: GateSettings) -> Rank:
    """Dominance among entrants of one input kind; of a tie among this run's points the setting picks one."""
    if not group:
        return Rank({}, {})
    names = [entrant.name for entrant in group]
    comparison = Comparison(place(settings.axes, axes, group))
    dominance = find_frontier(comparison)
    replaced: dict[int, int] = {}
    if settings.ties != "keep":
        own = [index for index in dominance.frontier if group[index].own]
        replaced = thin_ties(
            comparison, own, [_preference(entrant.point, settings.ties) for entrant in group]
        )
    return Rank(
        {names[i]: [names[w] for w in winners] for i, winners in enumerate(dominance.beaten_by) if winners},
        {names[left_out]: names[stays] for left_out, stays in replaced.items()},
    )


def _preference(point: FrontierPoint, ties: Ties) -> float:
    """Of tied points the least stays."""
    return {"smallest": float(point.bytes), "fastest": point.cost}.get(ties, -point.quality)


def _meets(goals: Sequence[GoalResult]) -> bool:
    return all(goal.met for goal in goals)


def _judged(
    entrant: Entrant,
    goals: list[GoalResult],
    everyone: Rank,
    among_feasible: Rank,
    settings: GateSettings,
) -> FrontierPoint:
    point, name, goals_met = entrant.point, entrant.name, _meets(goals)
    blessed = goals_met and among_feasible.stands(name)
    decisive = among_feasible if goals_met else everyone
    return point.model_copy(
        update={
            "goals": goals,
            "goals_met": goals_met,
            "on_frontier": everyone.stands(name),
            "dominated_by": everyone.ahead_of(name),
            "blessed": blessed,
            "quality_draws": pack(entrant.draws[MEAN]) if blessed and MEAN in entrant.draws else "",
            "reasons": [] if blessed else [*missed(goals), *_lost(name, decisive, settings.ties)],
        }
    )


def missed(goals: Sequence[GoalResult]) -> list[str]:
    """Each goal that was not met, with what the point has instead."""
    return [
        f"{_NOT_MET[goal.undecided]}: {goal.goal} ({goal.note or f'it has {goal.value:,.4g}'})"
        for goal in goals
        if not goal.met
    ]


def _lost(name: str, rank: Rank, ties: Ties) -> list[str]:
    if name in rank.replaced:
        return [f"tied with {rank.replaced[name]}, which is {_WHY_KEPT[ties]}"]
    winners = rank.winners.get(name, [])
    if not winners:
        return []
    more = f" and {len(winners) - 1} more" if len(winners) > 1 else ""
    instead = f", in whose place {rank.replaced[winners[0]]} stands" if winners[0] in rank.replaced else ""
    return [f"beaten by {winners[0]}{instead}{more}"]


def why_nothing(points: Sequence[FrontierPoint]) -> str:
    """Why no point is blessed, though there are points; empty if one is."""
    if any(point.blessed for point in points):
        return ""
    if any(point.goals_met for point in points):
        return "nothing is on the frontier: whatever meets all goals is beaten by models already registered"
    unmet = Counter(goal.goal for point in points for goal in point.goals if not goal.met)
    often = "; ".join(f"{goal}: {_how_many(points, goal)}" for goal, _ in unmet.most_common(3))
    return f"no point meets all goals ({often}){_nearest(points)}"


def _nearest(points: Sequence[FrontierPoint]) -> str:
    """The points that miss least, and by how much."""
    words = [
        f"{point.point_id} {'is undecided' if not share else f'is off by {share:.1%}'} "
        f"({goal.goal}: it has {goal.value:,.4g})"
        for share, goal, point in nearest_first(points)[:_MOST_NEAREST]
    ]
    return f"; nearest: {'; '.join(words)}" if words else ""


def _how_many(points: Sequence[FrontierPoint], goal: str) -> str:
    """As in 'missed by 2, undecided for 1 of 4'."""
    outcomes = [one.outcome for point in points for one in point.goals if one.goal == goal]
    counts = {"missed by": outcomes.count("missed"), "undecided for": outcomes.count("undecided")}
    return f"{', '.join(f'{word} {count}' for word, count in counts.items() if count)} of {len(points)}"
