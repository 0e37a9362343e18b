"""What the policy of a version's run demands, and the one that it is promoted by no longer does."""

from __future__ import annotations

from components.common.frontier.relaxed import relaxed_demands
from pipeline.models.promotion.evidence import Evidence
from pipeline.models.promotion.goals import goal_references_of
from pipeline.models.promotion.policy import Policy
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
    words = relaxed_demands(
        evidence.point,
        evidence.judged.device,
        judged_by.gate,
        today.gate,
        goal_references_of(evidence, None),
    )
    words += _floors(evidence.description.precision, today, judged_by)
    told = [f"no longer demanded: {one}"[:_LONGEST] for one in words]
    more = len(told) - _MOST
    return told if more <= 0 else [*told[:_MOST], f"and {more} more demands"]


def _floors(precision: Precision, today: Policy, judged_by: Policy) -> list[str]:
    before, now = judged_by.conversion.floor(precision), today.conversion.floor(precision)
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in type(before).model_fields)
    return [
        f"{name} at least {then:g} for {precision}, now {less:g}"
        for name, then, less in pairs
        if isinstance(then, float) and isinstance(less, float) and less < then
    ]
