"""What one policy of the gate demands of a point, and another no longer does."""

from __future__ import annotations

from components.common.frontier.goal_references import GoalReferences
from components.common.frontier.goals import applicable, check_goals
from components.common.frontier.settings import GateDemands, Goal
from schemas.devices import OF_BOARD, OF_TIME, Budget
from schemas.verdicts import FrontierPoint


def relaxed_demands(
    point: FrontierPoint, device: str, before: GateDemands, now: GateDemands, references: GoalReferences
) -> list[str]:
    """Each demand on a point that a policy makes no more, or less strictly than the one before, in words.

    Args:
      point: The point; each demand says whether it meets it.
      device: Name of its device.
      before: The earlier policy.
      now: The later one.
      references: What goals are held against.
    """
    goals, budgets = applicable(now.goals, device), now.budgets.get(device, ())
    gone = [
        goal
        for goal in applicable(before.goals, device)
        if goal.input in (None, point.input) and not any(_covers(one, goal) for one in goals)
    ]
    loosened = [
        budget
        for budget in before.budgets.get(device, ())
        if budget.input in (None, point.input) and not any(_keeps(one, budget) for one in budgets)
    ]
    demands: list[tuple[list[Goal], list[Budget]]] = [([goal], []) for goal in gone]
    demands += [([], [budget]) for budget in loosened]
    words = [
        "; ".join(f"{one.goal} ({one.outcome})" for one in check_goals(point, *pair, references))
        for pair in demands
    ]
    words += [f"required task {task}" for task in before.required_tasks if task not in now.required_tasks]
    if now.host_may_bless and not before.host_may_bless:
        words.append("limits of time are met by a device, not by the host")
    return words


def _covers(today: Goal, before: Goal) -> bool:
    """Whether who meets a goal of today meets the one before, too."""
    same = {"limit": before.limit, "devices": before.devices, "input": before.input}
    if today.without_champion == "fail":
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
        (today.percentile == before.percentile or not before.of_time)
        and today.input in (None, before.input)
        and all(within(getattr(today, name), getattr(before, name)) for name in (*OF_TIME, *OF_BOARD))
    )
