"""What the policy of a version's run demands, and the one that it is promoted by no longer does."""

from __future__ import annotations

from components.common.frontier.goal_references import GoalReferences
from components.common.frontier.goals import applicable, check_goals
from components.common.frontier.settings import Goal
from pipeline.models.promotion.evidence import Evidence
from pipeline.models.promotion.goals import goal_references_of
from pipeline.models.promotion.policy import Policy
from schemas.devices import Budget
from schemas.tflite_reports import Precision

_MOST = 10
_LONGEST = 160


def no_longer_made(evidence: Evidence, today: Policy, judged_by: Policy | None) -> list[str]:
    """Each demand on the version that today's policy makes no more, or less strictly, in words.

    Args:
      evidence: Of the version.
      today: The policy that it is promoted by.
      judged_by: The policy of its run; None: it cannot be read.
    """
    if judged_by is None:
        return ["unknown demands: the configuration of its run cannot be read by this release"]
    if judged_by.sha256 == today.sha256:
        return []
    device, goal_references = evidence.judged.device, goal_references_of(evidence, None)
    before, now = judged_by.gate, today.gate
    goals = applicable(now.goals, device)
    words = [
        _in_words(evidence, goal_references, goal, None)
        for goal in applicable(before.goals, device)
        if goal.input in (None, evidence.point.input) and not any(_covers(one, goal) for one in goals)
    ]
    budgets = now.budgets.get(device, ())
    words += [
        _in_words(evidence, goal_references, None, budget)
        for budget in before.budgets.get(device, ())
        if budget.input in (None, evidence.point.input) and not any(_keeps(one, budget) for one in budgets)
    ]
    words += [
        f"required task {task}" for task in before.required_tasks if task not in set(now.required_tasks)
    ]
    if now.host_may_bless and not before.host_may_bless:
        words.append("limits of time are met by a device, not by the host")
    words += _floors(evidence.description.precision, today, judged_by)
    told = [f"no longer demanded: {one}"[:_LONGEST] for one in words]
    more = len(told) - _MOST
    return told if more <= 0 else [*told[:_MOST], f"and {more} more demands"]


def _covers(today: Goal, before: Goal) -> bool:
    """Whether who meets a goal of today meets the one before, too."""
    same = {"limit": before.limit, "devices": before.devices, "input": before.input}
    passes = today.without_champion
    if passes == "fail":
        same["without_champion"] = before.without_champion
    if today.model_copy(update=same) != before or today.input not in (None, before.input):
        return False
    larger = before.kind == "min_improvement" or (before.kind == "threshold" and before.metric == "quality")
    return today.limit >= before.limit if larger else today.limit <= before.limit


def _keeps(today: Budget, before: Budget) -> bool:
    """Whether who keeps to a budget of today keeps to the one before, too."""

    def within(now: float | None, then: float | None) -> bool:
        return then is None or (now is not None and now <= then)

    return (
        today.percentile == before.percentile
        and today.input in (None, before.input)
        and within(today.milliseconds, before.milliseconds)
        and within(today.real_time_factor, before.real_time_factor)
    )


def _in_words(
    evidence: Evidence, goal_references: GoalReferences, goal: Goal | None, budget: Budget | None
) -> str:
    found = check_goals(evidence.point, [goal] if goal else [], [budget] if budget else [], goal_references)
    return "; ".join(f"{one.goal} ({one.outcome})" for one in found)


def _floors(precision: Precision, today: Policy, judged_by: Policy) -> list[str]:
    before, now = judged_by.conversion.floor(precision), today.conversion.floor(precision)
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in type(before).model_fields)
    return [
        f"{name} at least {then:g} for {precision}, now {less:g}"
        for name, then, less in pairs
        if isinstance(then, float) and isinstance(less, float) and less < then
    ]
