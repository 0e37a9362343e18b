"""What gate and promotion hold a point against, and what keeps every point of a device from being blessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from components.common.frontier.champions import find_champions
from components.common.frontier.goal_references import GoalReferences, compared_of
from components.common.frontier.goals import applicable, of_time
from components.common.frontier.incumbents import Incumbent
from components.common.frontier.settings import GateDemands
from components.common.tracking.registered import RegisteredVersion
from schemas.comparison_reports import NossComparison
from schemas.latency_reports import Machine
from schemas.noss_reports import NossModelResult
from schemas.verdicts import FrontierPoint, RefusedVariant


def references_of(
    teacher: NossModelResult,
    beside: Iterable[NossModelResult],
    comparison: NossComparison,
    points: Sequence[FrontierPoint],
    refused: Iterable[RefusedVariant],
    registered: Sequence[RegisteredVersion],
    incumbents: Sequence[Incumbent],
    unread_baselines: Sequence[str] = (),
) -> GoalReferences:
    """What the goals on a device are held against.

    Args:
      teacher: Its result.
      beside: Results of baselines and reference models.
      comparison: Of all models of the run, clip by clip.
      points: The run's on the device.
      refused: The run's other variants.
      registered: Versions of the device's registered model; the champion among them is what counts.
      incumbents: Those of them with figures.
      unread_baselines: Why reports of baselines or reference models could not be read.
    """
    return GoalReferences(
        teacher=teacher,
        baselines={model.name: model for model in beside},
        points={point.point_id: point for point in points},
        refused={variant.point_id: variant.reason for variant in refused},
        champions=find_champions(registered, incumbents, points),
        compared=compared_of(comparison),
        unread_baselines=unread_baselines,
    )


def missing_tasks(settings: GateDemands, teacher: NossModelResult) -> list[str]:
    """Why nothing may be blessed though tasks are required: those that the teacher was not evaluated on."""
    evaluated = [task.task for task in teacher.tasks]
    missing = [task for task in settings.required_tasks if task not in evaluated]
    if not missing:
        return []
    return [f"required tasks were not evaluated: {', '.join(missing)}; there are {', '.join(evaluated)}"]


def host_figures(machine: Machine, settings: GateDemands) -> list[str]:
    """Why nothing may be blessed by a machine's figures: demands on time that the host does not speak for."""
    if machine.is_device or settings.host_may_bless:
        return []
    demands = of_time(applicable(settings.goals, machine.profile), settings.budgets.get(machine.profile, ()))
    if not demands:
        return []
    return [
        f"figures of the host cannot show that a device keeps to: {'; '.join(demands)} "
        "(gate.host_may_bless: true takes them for it)"
    ]
