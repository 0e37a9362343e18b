"""What became of the points of a device, in the page's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.common.frontier.axes import INPUT_KINDS
from schemas.verdicts import DeviceVerdict, FrontierPoint, GoalResult, RegisteredPoint

MOST_CHOICES = 8

Status = Literal["blessed", "frontier", "beaten"]


@dataclass(frozen=True)
class GoalCount:
    """One goal and how many met it."""

    goal: str
    points: int
    met: int
    undecided: int
    frontier: int
    frontier_met: int
    notes: list[str]


def status(device: DeviceVerdict, point: FrontierPoint) -> Status:
    """Nothing is blessed while the gate is closed."""
    if point.blessed and not device.closed:
        return "blessed"
    return "frontier" if point.on_frontier else "beaten"


def headline(devices: Sequence[DeviceVerdict]) -> str:
    """What is pushed for which device, in a sentence."""
    parts = [f"{_files(len(device.blessed))} for {device.device}" for device in devices if device.blessed]
    shut = [device.device for device in devices if not device.blessed]
    words = f"Blessed: {' and '.join(parts)}." if parts else ""
    if shut:
        words += f" Nothing is pushed for {' and '.join(shut)}."
    return words.strip()


def choices(device: DeviceVerdict) -> list[FrontierPoint]:
    """What a reader chooses from: what is recommended and what stands beside it, then the best of the rest.

    Where nothing may be pushed it is the best of the frontier.
    """
    standing = device.blessed or [point for point in device.points if point.on_frontier]
    first = [
        name
        for one in device.recommendations
        for name in (one.point_id, one.best, *(other.point_id for other in one.alternatives))
    ]
    ranked = sorted(standing, key=lambda point: (point.point_id not in first, -point.quality))
    return ranked[:MOST_CHOICES]


def numbers(device: DeviceVerdict) -> dict[str, int]:
    """The numbers that stand in the charts' marks: the frontier of each input kind, cheapest to run first."""
    found: dict[str, int] = {}
    for kind in INPUT_KINDS:
        standing = [p for p in device.points if p.input == kind and (p.on_frontier or p.blessed)]
        ordered = sorted(standing, key=lambda point: (_cost(point), point.point_id))
        found |= {point.point_id: i for i, point in enumerate(ordered, 1)}
    return found


def _cost(point: FrontierPoint) -> float:
    return point.cost if point.latency_ms is None else point.latency_ms


def standing_points(device: DeviceVerdict) -> list[FrontierPoint]:
    """The frontier, and what is blessed in the place of a frontier point that misses a goal; best first.

    Waveform files come before others, with which they do not compete.
    """
    number = numbers(device)
    found = [point for point in device.points if point.point_id in number]
    return sorted(
        found, key=lambda point: (INPUT_KINDS.index(point.input), -point.quality, number[point.point_id])
    )


def why(device: DeviceVerdict, point: FrontierPoint) -> str:
    """Why a point has its status, in a line."""
    if status(device, point) == "blessed":
        goals = f"meets {_count(len(point.goals), 'goal')}" if point.goals else "no goal set"
        if point.on_frontier:
            return f"unbeaten; {goals}"
        return f"{goals}; only beaten by what misses one: {_first(point.dominated_by)}"
    if point.reasons:
        return "; ".join(point.reasons)
    return "the gate is closed" if device.closed else f"beaten by {_first(point.dominated_by)}"


def fate(point: RegisteredPoint) -> str:
    """What became of a registered version."""
    if not point.competes:
        return f"does not compete: {point.reason}"
    return f"beaten by {_first(point.beaten_by)}" if point.beaten_by else "unbeaten"


def goal_counts(device: DeviceVerdict) -> list[GoalCount]:
    """The goals in the order in which points name them, with how many points met each."""
    held: dict[str, list[tuple[FrontierPoint, GoalResult]]] = {}
    for point in device.points:
        for goal in point.goals:
            held.setdefault(goal.goal, []).append((point, goal))
    return [
        GoalCount(
            name,
            points=len(pairs),
            met=sum(goal.met for _, goal in pairs),
            undecided=sum(goal.undecided for _, goal in pairs),
            frontier=sum(point.on_frontier for point, _ in pairs),
            frontier_met=sum(point.on_frontier and goal.met for point, goal in pairs),
            notes=list(dict.fromkeys(goal.note for _, goal in pairs if goal.note and not goal.met))[:3],
        )
        for name, pairs in held.items()
    ]


def tally(goals: Sequence[GoalResult]) -> str:
    """As in 'all met', or '1 of 3 missed, 1 undecided'."""
    if not goals:
        return "none set"
    outcomes = [goal.outcome for goal in goals]
    told = [f"{outcomes.count(one)} {one}" for one in ("missed", "undecided") if one in outcomes]
    return ", ".join(told).replace(" ", f" of {len(goals)} ", 1) if told else "all met"


def _first(names: Sequence[str]) -> str:
    if not names:
        return "another point"
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _count(number: int, noun: str) -> str:
    return f"{'the' if number == 1 else f'all {number}'} {noun}{'s' if number != 1 else ''}"
