"""Goals and budgets: what a point must keep to, whatever the others do.

A figure that keeps to its limit may do so by luck. What was measured in sessions keeps to it when the upper
end of its 95 % interval does, a quality when its one-sided 95 % bound does: of the score itself, or, in a
relation, of the difference on the same clips. In between it is *undecided*, which closes like a miss.
The room that a relation leaves as a share of another's figure is taken as it was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from components.common.frontier.figures import (
    METRIC_NAMES,
    Figure,
    milliseconds,
    of_point,
    per_second_of_sound,
)
from components.common.frontier.goal_references import GoalReferences
from components.common.frontier.scales import NORMAL_95, ONE_SIDED_95
from components.common.frontier.settings import CHAMPION, Goal, GoalMetric
from components.common.statistics.sessions import MOST_SESSIONS, sessions_to_tell
from schemas.devices import Budget
from schemas.verdicts import FrontierPoint, GoalResult

_OF_TIME: tuple[GoalMetric, ...] = ("latency", "real_time_factor", "init_ms")

_UNITS: dict[GoalMetric, str] = {
    "quality": "",
    "latency": " ms",
    "latency_ratio": " x the reference network",
    "real_time_factor": "",
    "init_ms": " ms",
    "bytes": " bytes",
    "peak_mib": " MiB",
    "arena_kib": " KiB",
    "flash_kib": " KiB",
    "mega_macs": " million",
}
_OF_BUDGET: tuple[GoalMetric, ...] = ("arena_kib", "flash_kib", "mega_macs")
# More clips than that nobody collects.
MOST_TIMES = 100
# Sums like 0.8 - 0.06 are not exact; a figure that close to its limit meets it.
_ROUNDING = 1e-9


def applicable(goals: Sequence[Goal], device: str) -> list[Goal]:
    """The goals that judge points on a device."""
    return [goal for goal in goals if not goal.devices or device in goal.devices]


def speaks_of_time(goal: Goal) -> bool:
    """Whether a goal's limit is in seconds, or seconds of computing; a share of another's figure is not."""
    return goal.metric in _OF_TIME and not goal.relative


def of_time(goals: Sequence[Goal], budgets: Sequence[Budget]) -> list[str]:
    """The demands that only figures of a device can meet: limits in seconds, and budgets; in words."""
    limits = [f"{_limited(goal)} {_demand(goal)}" for goal in goals if speaks_of_time(goal)]
    return [*limits, *(words for budget in budgets for words, _, _ in _limits_of_time(budget))]


def check_goals(
    point: FrontierPoint, goals: Sequence[Goal], budgets: Sequence[Budget], goal_references: GoalReferences
) -> list[GoalResult]:
    """Holds one point against the goals and budgets for its input."""
    judged = [_check(point, goal, goal_references) for goal in goals if goal.input in (None, point.input)]
    kept = [
        result
        for budget in budgets
        if budget.input in (None, point.input)
        for result in _check_budget(point, budget)
    ]
    return judged + kept


def _check(point: FrontierPoint, goal: Goal, goal_references: GoalReferences) -> GoalResult:
    own = goal_references.own(goal, point)
    scope = f" ({goal.input} only)" if goal.input else ""
    words, note = f"{_limited(goal)} {_demand(goal)}{scope}", ""
    limit: float | None = goal.limit
    excused = False
    other = Figure(None)
    if goal.kind != "threshold":
        name, other = goal_references.other(goal, point)
        words = f"{_limited(goal)} {_demand(goal)} that of {name}{scope}"
        if other.value is None:
            limit, note = None, other.why
            no_champion = goal.against == CHAMPION and point.input not in goal_references.champions
            excused = no_champion and goal.without_champion == "pass"
        else:
            limit = _limit(goal, other.value)
            words += f": {_word(goal)} {_number(limit)}{_UNITS[goal.metric]}, it has {_number(other.value)}"
    if own.value is None:
        return GoalResult(goal=words, value=None, limit=limit, met=False, note=own.why)
    if limit is None:
        return GoalResult(goal=words, value=own.value, limit=None, met=excused, note=note)
    if goal_references.itself(goal, point):
        # Held against itself a file is never worse, however uncertain its figure is.
        own, other = Figure(own.value), Figure(None)
    if goal.metric == "quality":
        paired = None if goal.kind == "threshold" else goal_references.below(goal, point)
        return _of_quality(words, own, limit, _below(own, other) if paired is None else paired)
    return _of_sessions(words, own, limit, point.latency_sessions, other)


def _check_budget(point: FrontierPoint, budget: Budget) -> list[GoalResult]:
    results = []
    for words, of_sound, limit in _limits_of_time(budget):
        told = milliseconds(point, budget.percentile)
        figure = per_second_of_sound(point, told) if of_sound else told
        results.append(_of_sessions(words, figure, limit, point.latency_sessions))
    for metric in _OF_BUDGET:
        most: float | None = getattr(budget, metric)
        if most is not None:
            goal = Goal(metric=metric, limit=most)
            words = f"budget: {_limited(goal)} {_demand(goal)}{_scope(budget)}"
            results.append(_of_sessions(words, of_point(goal, point), most, sessions=0))
    return results


def _of_quality(words: str, own: Figure, limit: float, below: float) -> GoalResult:
    """Holds a quality against a limit: met if its one-sided 95 % bound keeps to it.

    Args:
      words: The goal.
      own: The quality, which is known.
      limit: The least it may be.
      below: Lower half of the 95 % interval of the quality, or of its lead over what it is compared with.
    """
    assert own.value is not None
    bound = own.value - below * ONE_SIDED_95 / NORMAL_95
    met = _keeps(bound, limit, larger=True)
    undecided = not met and _keeps(own.value, limit, larger=True)
    note = ""
    if undecided:
        room = own.value - limit
        more = ((own.value - bound) / room) ** 2 if room > 0 else math.inf
        tell = (
            f"about {math.ceil(10 * more) / 10:.12g} times as many test clips and speakers would tell"
            if more <= MOST_TIMES
            else f"it is so close to the limit that not even {MOST_TIMES} times as many would tell"
        )
        note = (
            f"more test clips would help: it has {own.value:.4g}, and its one-sided 95 % bound is "
            f"{bound:.4g}; {tell}"
        )
    return GoalResult(goal=words, value=own.value, limit=limit, met=met, undecided=undecided, note=note)


def _of_sessions(
    words: str, own: Figure, limit: float, sessions: int, other: Figure | None = None
) -> GoalResult:
    """Holds what was measured in sessions against a limit: met if the upper end of its interval keeps to it.

    Args:
      words: The goal.
      own: The figure; one without an interval is exact.
      limit: The most it may be.
      sessions: That it comes from.
      other: What the limit was made from, whose own interval counts too.
    """
    if own.value is None:
        return GoalResult(goal=words, value=None, limit=limit, met=False, note=own.why)
    reach = _reach(own, other)
    met = _keeps(reach, limit, larger=False)
    undecided = not met and _keeps(own.value, limit, larger=False)
    note = ""
    if undecided:
        wanted = sessions_to_tell(own.value, reach, sessions, limit)
        longer = (
            f"with the spread of these {sessions} sessions, {wanted} would tell (latency.sessions)"
            if wanted
            else f"it is so close to the limit that not even {MOST_SESSIONS} sessions would tell"
        )
        note = f"measure longer: it has {own.value:.4g}, and its 95 % interval reaches {reach:.4g}; {longer}"
    return GoalResult(goal=words, value=own.value, limit=limit, met=met, undecided=undecided, note=note)


def _below(own: Figure, other: Figure) -> float:
    """Lower half of the 95 % interval of a difference of two that are not paired; or of a figure alone."""
    mine = 0.0 if own.value is None or own.low is None else max(own.value - own.low, 0.0)
    theirs = 0.0 if other.value is None or other.high is None else max(other.high - other.value, 0.0)
    return math.hypot(mine, theirs)


def _reach(own: Figure, other: Figure | None) -> float:
    """Upper end of the interval of a figure; that of what it is compared with widens it, as shares."""
    assert own.value is not None
    shares = [
        math.log(above / below)
        for above, below in ((own.high, own.value), (other.value, other.low) if other else (None, None))
        if above is not None and below is not None and above > below > 0
    ]
    return own.value * math.exp(math.hypot(*shares)) if shares else own.value


def _scope(budget: Budget) -> str:
    return f" ({budget.input} only)" if budget.input else ""


def _limits_of_time(budget: Budget) -> list[tuple[str, bool, float]]:
    """What of time a budget limits: in words, whether per second of sound, and how far."""
    scope = _scope(budget)
    found = []
    if budget.milliseconds is not None:
        words = f"budget: {budget.percentile} latency at most {budget.milliseconds:.12g} ms{scope}"
        found.append((words, False, budget.milliseconds))
    if budget.real_time_factor is not None:
        words = f"budget: {budget.percentile} real-time factor at most {budget.real_time_factor:.12g}{scope}"
        found.append((words, True, budget.real_time_factor))
    return found


def _limit(goal: Goal, other: float) -> float:
    """The limit that a relation to another's figure comes to."""
    room = abs(other) * goal.limit if goal.relative else goal.limit
    better = goal.kind == "min_improvement"
    return other + room if better == (goal.metric == "quality") else other - room


def _keeps(value: float, limit: float, larger: bool) -> bool:
    slack = _ROUNDING * max(abs(limit), _ROUNDING)
    return value >= limit - slack if larger else value <= limit + slack


def _limited(goal: Goal) -> str:
    """What a goal limits, in words."""
    if goal.slice:
        return f"accuracy on {goal.task}, {goal.slice.feature} {goal.slice.value}"
    if goal.task:
        return f"{goal.task} score"
    return f"{goal.percentile} latency" if goal.metric == "latency" else METRIC_NAMES[goal.metric]


def _demand(goal: Goal) -> str:
    """How far the limit is, in words."""
    amount = f"{100 * goal.limit:.12g} %" if goal.relative else f"{goal.limit:,.12g}{_UNITS[goal.metric]}"
    if goal.kind == "threshold":
        return f"{_word(goal)} {amount}"
    if goal.kind == "min_improvement":
        return f"at least {amount} better than"
    return f"at most {amount} worse than"


def _word(goal: Goal) -> str:
    return "at least" if goal.metric == "quality" else "at most"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
