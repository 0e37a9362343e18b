"""Whether a version meets today's goals and budgets, by the gate's own code."""

from __future__ import annotations

from dataclasses import replace

from components.common.frontier.axes import Entrant
from components.common.frontier.conditions import host_figures, missing_tasks, references_of
from components.common.frontier.draws import unpack
from components.common.frontier.goal_references import GoalReferences
from components.common.frontier.goals import applicable, check_goals
from components.common.frontier.incumbents import Incumbent
from components.common.frontier.judge import mean_draws, missed
from components.common.frontier.settings import GateDemands
from pipeline.models.promotion.checked import Checked
from pipeline.models.promotion.evidence import Evidence


def check_demands(evidence: Evidence, gate: GateDemands, champion: Incumbent | None) -> Checked:
    """Holds the version's figures against goals, budgets and required tasks.

    Args:
      evidence: Of the version.
      gate: Today's policy.
      champion: The present one, which goals may be against; none: there is none.
    """
    device, goal_references = evidence.judged, goal_references_of(evidence, champion)
    goals, budgets = applicable(gate.goals, device.device), gate.budgets.get(device.device, ())
    results = check_goals(evidence.point, goals, budgets, goal_references)
    faults = [
        *missing_tasks(gate, evidence.teacher),
        *host_figures(device.machine, gate),
        *missed(results),
    ]
    if faults:
        return Checked("goals", False, "; ".join(faults))
    count = f"all {len(results)} of today's goals are met" if results else "today's policy has none for it"
    return Checked("goals", True, count)


def goal_references_of(evidence: Evidence, champion: Incumbent | None) -> GoalReferences:
    """What goals are held against: what the version's run measured, and the champion if there is one.

    The gate's rule holds: a champion whose figures do not compare meets no goal, and where it is a file of
    the version's own run, the figures of that run count.
    """
    device, models = evidence.judged, evidence.comparison.models
    point, incumbents = evidence.point, [champion] if champion else []
    own = [Entrant(point.point_id, point, unpack(point.quality_draws))]
    references = references_of(
        evidence.teacher,
        [model for model in models if model.kind in ("baseline", "reference")],
        evidence.comparison,
        device.points,
        device.refused,
        [one.version for one in incumbents],
        incumbents,
    )
    return replace(references, draws=mean_draws(own, incumbents))
