"""A point that was judged before, and a registered champion: whether the champion beats it today.

The gate lets a run's points compete with what is registered; a promotion asks the same of one point, later,
by today's axes. The comparison is the gate's.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.common.frontier.axes import Entrant, measure_axes, misplaced
from components.common.frontier.draws import paired_with, unpack
from components.common.frontier.incumbents import Incumbent, Measure
from components.common.frontier.judge import rank
from components.common.frontier.settings import GateDemands
from components.common.tracking.registered import RegisteredVersion
from schemas.verdicts import AxisInfo, AxisMetric, DeviceVerdict, FrontierPoint, Verdict

_INPUTS = {"wave": "waveforms", "core": "log-mel patches", "stream": "chunks of a stream"}


@dataclass(frozen=True)
class Challenger:
    """A point with the verdict that it was judged by.

    Attributes:
      verdict: Of its run.
      judged: The part of it on the point's device.
      point: It.
    """

    verdict: Verdict
    judged: DeviceVerdict
    point: FrontierPoint

    @property
    def measure(self) -> Measure:
        """What its figures were taken with."""
        verdict = self.verdict
        return Measure(
            self.judged.machine,
            verdict.reference_on(self.judged.machine),
            verdict.benchmark_digest,
            verdict.synthetic,
        )


def as_incumbent(
    challenger: Challenger, champion: RegisteredVersion, gate: GateDemands, fault: str = ""
) -> Incumbent:
    """The champion, and why its figures do not compare with those of a challenger.

    Args:
      challenger: The point.
      champion: The present one; its figures must be known.
      gate: Today's policy, for its axes.
      fault: Why the champion's figures are inconsistent; empty: they can.

    Raises:
      ValueError: If the champion has no figures.
    """
    if champion.standing is None:
        raise ValueError(f"{champion.name} has no figures to compare with: {champion.fault}")
    own, other = challenger.point, champion.standing.point
    gate = gate.on(challenger.judged.machine)
    reason = (
        fault or challenger.measure.incomparable(champion.standing, gate.axes) or misplaced(own, gate.axes)
    )
    if not reason and other.input != own.input:
        reason = f"it takes {_INPUTS[other.input]}, {own.point_id} {_INPUTS[own.input]}"
    return Incumbent(champion, champion.standing, reason, reason)


def challenge(
    challenger: Challenger, gate: GateDemands, judged_by: GateDemands | None, champion: Incumbent | None
) -> tuple[bool, str]:
    """Lets a point and the champion compete on today's axes.

    Quality is compared by the draws of the same clips that are kept with both; without them by the two
    intervals. An axis that is set as it was in the run is taken as it was applied there.

    Args:
      challenger: The point.
      gate: Today's policy.
      judged_by: The policy of the point's run; None: it is unknown.
      champion: The present one; None: there is none.

    Returns:
      Whether the champion leaves the point unbeaten, and why or why not.
    """
    gate = gate.on(challenger.judged.machine)
    judged_by = judged_by.on(challenger.judged.machine) if judged_by else None
    if changed := _changed_axes(challenger.judged, gate, judged_by):
        return False, changed
    if champion is None:
        return True, "there is no champion yet"
    point, name = challenger.point, champion.name
    if champion.point.sha256 == point.sha256:
        return True, f"{name} is the same file"
    if champion.reason:
        return False, f"its figures do not compare with those of {name}: {champion.reason}"
    own, other = unpack(point.quality_draws), unpack(champion.point.quality_draws)
    group = [
        Entrant(point.point_id, point, own),
        Entrant(name, champion.point, paired_with(other, [own]), own=False),
    ]
    axes = _applied(challenger.judged, gate, judged_by, group)
    if rank(group, axes, gate).stands(point.point_id):
        return True, f"{name} does not beat it"
    limits = ", ".join(f"{axis.metric} {axis.margin:.3g}" for axis in axes)
    return False, f"{name} beats it (margins: {limits})"


def _changed_axes(judged: DeviceVerdict, gate: GateDemands, judged_by: GateDemands | None) -> str:
    """How the axes differ from those that a verdict was reached on; empty if they do not."""
    reached = {(info.metric, info.task) for info in judged.axes}
    for policy, whose in ((gate, "today's policy"), (judged_by, "the configuration of the run")):
        axes = {(axis.metric, axis.task) for axis in policy.axes} if policy else reached
        if axes != reached:
            return (
                f"{whose} lets models compete on {_listed(axes)}, the verdict was reached on "
                f"{_listed(reached)}: run the pipeline again with today's axes"
            )
    return ""


def _listed(axes: set[tuple[AxisMetric, str]]) -> str:
    return ", ".join(sorted(f"{metric} of {task}" if task else metric for metric, task in axes)) or "none"


def _applied(
    judged: DeviceVerdict, gate: GateDemands, judged_by: GateDemands | None, group: list[Entrant]
) -> list[AxisInfo]:
    applied = {(info.metric, info.task): info for info in judged.axes}
    known = {axis: applied[axis.metric, axis.task] for axis in (judged_by.axes if judged_by else ())}
    return [known.get(axis) or measure_axes([axis], group)[0] for axis in gate.axes]
