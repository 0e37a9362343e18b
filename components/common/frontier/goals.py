"""Goals and budgets: what a point must keep to, whatever the others do."""

from __future__ import annotations

from collections.abc import Sequence

from components.common.frontier.goal_references import METRIC_NAMES, GoalReferences, milliseconds
from components.common.frontier.settings import CHAMPION, Goal, GoalMetric
from components.common.statistics.sessions import MOST_SESSIONS, sessions_to_tell
from schemas.devices import Budget, Percentile
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
}
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
    return [*limits, *(words for budget in budgets for words, _, _ in _limits(budget))]


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
    met = excused or (limit is not None and _keeps(own.value, limit, larger=goal.metric == "quality"))
    if met and goal.kind == "threshold":
        reach = _reach(point, goal.metric, goal.percentile)
        if why := _undecided(own.value, reach, point.latency_sessions, goal.limit):
            return GoalResult(goal=words, value=own.value, limit=limit, met=False, note=why)
    return GoalResult(goal=words, value=own.value, limit=limit, met=met, note=note)


def _check_budget(point: FrontierPoint, budget: Budget) -> list[GoalResult]:
    results = []
    for words, of_sound, limit in _limits(budget):
        told = milliseconds(point, budget.percentile)
        value, why = told.value, told.why
        if of_sound and value is not None:
            sound = point.real_time_factor
            value = None if sound is None else sound * value / point.latency_ms
            why = "the measurement does not tell how much sound an invocation hears"
        met = value is not None and _keeps(value, limit, larger=False)
        note = why if value is None else ""
        if value is not None and met:
            reach = _reach(point, "real_time_factor" if of_sound else "latency", budget.percentile)
            note = _undecided(value, reach, point.latency_sessions, limit)
        results.append(GoalResult(goal=words, value=value, limit=limit, met=met and not note, note=note))
    return results


def _reach(point: FrontierPoint, metric: GoalMetric, percentile: Percentile) -> float | None:
    """Upper end of the interval of what was measured in sessions; None for others, or where not told."""
    _, high_ms = point.latency_intervals_ms.get(percentile, (None, None))
    if metric == "latency":
        return high_ms
    if metric == "real_time_factor" and high_ms is not None and point.real_time_factor is not None:
        return high_ms * point.real_time_factor / point.latency_ms
    return {"init_ms": point.init_high_ms, "peak_mib": point.peak_high_mib}.get(metric)


def _undecided(value: float, reach: float | None, sessions: int, limit: float) -> str:
    """Why a figure that keeps to a limit may not do so in truth, and how long would tell; empty if it does.

    Args:
      value: The figure.
      reach: Upper end of its interval; None: it has none.
      sessions: That it comes from.
      limit: The most it may be.
    """
    if reach is None or _keeps(reach, limit, larger=False):
        return ""
    wanted = sessions_to_tell(value, reach, sessions, limit)
    longer = (
        f"with the spread of these {sessions} sessions, {wanted} would tell (latency.sessions)"
        if wanted
        else f"it is so close to the limit that not even {MOST_SESSIONS} sessions would tell"
    )
    return (
        f"undecided, measure longer: it has {value:.4g}, and its 95 % interval reaches {reach:.4g}; {longer}"
    )


def _limits(budget: Budget) -> list[tuple[str, bool, float]]:
    """What a budget limits: in words, whether per second of sound, and how far."""
    scope = f" ({budget.input} only)" if budget.input else ""
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
