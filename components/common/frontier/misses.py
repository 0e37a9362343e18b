"""How far points are from the goals that they miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.verdicts import FrontierPoint, GoalResult


class Miss(NamedTuple):
    """A point that misses goals.

    Attributes:
      share: The largest share of a limit that any one goal is missed by; 0: it is undecided.
      goal: That goal.
      point: The point.
    """

    share: float
    goal: GoalResult
    point: FrontierPoint


def nearest_first(points: Sequence[FrontierPoint]) -> list[Miss]:
    """The points that miss goals, those that miss least first; without those that have no figure to tell."""
    found = [miss for point in points if (miss := _worst(point)) is not None]
    return sorted(found, key=lambda miss: (miss.share, miss.point.point_id))


def _worst(point: FrontierPoint) -> Miss | None:
    unmet = [goal for goal in point.goals if not goal.met]
    if any(goal.value is None or not goal.limit for goal in unmet):
        return None
    misses = [
        Miss(0.0 if goal.undecided else abs(goal.value - goal.limit) / abs(goal.limit), goal, point)
        for goal in unmet
        if goal.value is not None and goal.limit
    ]
    return max(misses, key=lambda miss: miss.share, default=None)
