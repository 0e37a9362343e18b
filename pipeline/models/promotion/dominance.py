"""Whether the present champion beats a version, by the gate's own comparison."""

from __future__ import annotations

from components.common.frontier.axes import Entrant, measure_axes, misplaced
from components.common.frontier.draws import paired_with, unpack
from components.common.frontier.incumbents import Incumbent, Measure, untrue
from components.common.frontier.judge import rank
from components.common.frontier.settings import GateSettings
from components.common.tracking.registered import RegisteredVersion
from pipeline.models.promotion.checked import Checked
from pipeline.models.promotion.evidence import Evidence
from schemas.verdicts import AxisInfo, AxisMetric

_HEARS = {"wave": "waveforms", "core": "log-mel patches"}


def as_incumbent(
    evidence: Evidence, champion: RegisteredVersion, gate: GateSettings, fault: str = ""
) -> Incumbent:
    """The champion, and why its figures do not compare with those of a version.

    Args:
      evidence: Of the version.
      champion: The present one.
      gate: Today's policy, for its axes.
      fault: Why the champion's figures cannot be believed; empty: they can.
    """
    standing = champion.standing
    assert standing is not None, "a champion without figures is told apart before"
    verdict, own, other = evidence.verdict, evidence.point, standing.point
    measure = Measure(
        evidence.judged.machine, verdict.reference_sha256, verdict.benchmark_digest, verdict.synthetic
    )
    reason = (
        fault
        or measure.differs(standing)
        or misplaced(other, gate.axes)
        or misplaced(own, gate.axes)
        or untrue(standing)
    )
    if not reason and other.input != own.input:
        reason = f"it hears {_HEARS[other.input]}, {own.point_id} {_HEARS[own.input]}"
    return Incumbent(champion, standing, reason, reason)


def check_dominance(
    evidence: Evidence, gate: GateSettings, judged_by: GateSettings | None, champion: Incumbent | None
) -> Checked:
    """Lets a version and the champion compete on today's axes.

    Quality is compared by the draws of the same clips that are kept with both; without them by the two
    intervals. An axis that is set as it was in the run is taken as it was applied there.

    Args:
      evidence: Of the version.
      gate: Today's policy.
      judged_by: The policy of the run; None: it is not known.
      champion: The present one; none: there is none.
    """
    if changed := _other_axes(evidence, gate, judged_by):
        return Checked("dominance", False, changed)
    if champion is None:
        return Checked("dominance", True, "there is no champion yet")
    point, name = evidence.point, champion.name
    if champion.point.sha256 == point.sha256:
        return Checked("dominance", True, f"{name} is the same file")
    if champion.reason:
        return Checked(
            "dominance", False, f"its figures do not compare with those of {name}: {champion.reason}"
        )
    own, other = unpack(point.quality_draws), unpack(champion.point.quality_draws)
    group = [
        Entrant(point.point_id, point, own),
        Entrant(name, champion.point, paired_with(other, [own]), own=False),
    ]
    axes = _applied(evidence, gate, judged_by, group)
    if rank(group, axes, gate).stands(point.point_id):
        return Checked("dominance", True, f"{name} does not beat it")
    limits = ", ".join(f"{axis.metric} {axis.margin:.3g}" for axis in axes)
    return Checked("dominance", False, f"{name} beats it (margins: {limits})")


def _other_axes(evidence: Evidence, gate: GateSettings, judged_by: GateSettings | None) -> str:
    """How the axes differ from those that the verdict was reached on; empty if they do not."""
    judged = {(info.metric, info.task) for info in evidence.judged.axes}
    for policy, whose in ((gate, "today's policy"), (judged_by, "the configuration of the run")):
        axes = {(axis.metric, axis.task) for axis in policy.axes} if policy else judged
        if axes != judged:
            return (
                f"{whose} lets models compete on {_listed(axes)}, the verdict was reached on "
                f"{_listed(judged)}: run the pipeline again with today's axes"
            )
    return ""


def _listed(axes: set[tuple[AxisMetric, str]]) -> str:
    return ", ".join(sorted(f"{metric} of {task}" if task else metric for metric, task in axes)) or "none"


def _applied(
    evidence: Evidence, gate: GateSettings, judged_by: GateSettings | None, group: list[Entrant]
) -> list[AxisInfo]:
    applied = {(info.metric, info.task): info for info in evidence.judged.axes}
    known = {axis: applied[axis.metric, axis.task] for axis in (judged_by.axes if judged_by else ())}
    return [known.get(axis) or measure_axes([axis], group)[0] for axis in gate.axes]
