"""Whether a version meets today's goals and budgets, by the gate's own code."""

from __future__ import annotations

from components.common.frontier.champions import find_champions
from components.common.frontier.draws import MEAN, paired_with, unpack
from components.common.frontier.goal_references import GoalReferences, compared_of
from components.common.frontier.goals import applicable, check_goals
from components.common.frontier.incumbents import Incumbent
from components.common.frontier.judge import missed
from components.common.frontier.scales import Floats
from components.common.frontier.settings import GateDemands
from components.frontier_gate.verdict import host_figures, missing_tasks
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
    registered, incumbents = ([champion.version], [champion]) if champion else ([], [])
    return GoalReferences(
        teacher=evidence.teacher,
        baselines={model.name: model for model in models if model.kind in ("baseline", "reference")},
        points={point.point_id: point for point in device.points},
        refused={variant.point_id: variant.reason for variant in device.refused},
        champions=find_champions(registered, incumbents, device.points),
        compared=compared_of(evidence.comparison),
        draws=_draws(evidence, champion),
    )


def _draws(evidence: Evidence, champion: Incumbent | None) -> dict[str, Floats]:
    """Draws of the mean that are kept with the version and with the champion, if they are as many."""
    own = unpack(evidence.point.quality_draws)
    other = paired_with(unpack(champion.point.quality_draws), [own]) if champion else {}
    named = {evidence.point.point_id: own, **({champion.name: other} if champion else {})}
    return {name: draws[MEAN] for name, draws in named.items() if MEAN in draws}
