"""Models that the registry already holds: which of them compete with this run's on a device."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.common.frontier.axes import misplaced
from components.common.frontier.draws import MEAN, unpack
from components.common.frontier.settings import AxisSettings
from components.common.tracking.registered import RegisteredVersion
from schemas.faults import outside
from schemas.latency_reports import Machine
from schemas.noss_reports import NossModelResult
from schemas.standing_faults import standing_faults
from schemas.verdicts import FrontierPoint, RegisteredPoint, Standing


@dataclass(frozen=True)
class Measure:
    """What figures must have in common to be compared.

    Attributes:
      machine: What the latency was measured on.
      reference_sha256: Of the reference model behind the latency ratios.
      benchmark_digest: Of the tasks, clips and protocol behind the quality.
      synthetic: Whether the sound was synthesised.
    """

    machine: Machine
    reference_sha256: str
    benchmark_digest: str
    synthetic: bool

    def differs(self, standing: Standing) -> str:
        """Why a registered version's figures do not compare; empty if they do."""
        if standing.machine.identity != self.machine.identity:
            return f"measured on {_words(standing.machine)}, not on {_words(self.machine)}"
        if standing.reference_sha256 != self.reference_sha256:
            return (
                f"measured against another reference model: sha256 {standing.reference_sha256[:12] or 'none'}"
                f", not {self.reference_sha256[:12] or 'none'}"
            )
        if standing.benchmark_digest != self.benchmark_digest:
            return (
                "its quality comes from other tasks, clips or rules: benchmark digest "
                f"{standing.benchmark_digest[:12] or 'none'}, not {self.benchmark_digest[:12]}"
            )
        if standing.synthetic != self.synthetic:
            kinds = ("recorded", "synthetic")
            return f"judged by {kinds[standing.synthetic]} sound, not by {kinds[self.synthetic]} sound"
        return ""

    def incomparable(self, standing: Standing, axes: Sequence[AxisSettings]) -> str:
        """Why a registered version's figures cannot compete on the axes; empty if they can."""
        return self.differs(standing) or misplaced(standing.point, axes) or untrue(standing)


def benchmark_digest(teacher: NossModelResult, protocol: str) -> str:
    """sha256 over all that decides a quality: rules, tasks and clips.

    The rules' words hold the version of the measurement; the code itself is not in it, or a changed comment
    would make every registered model incomparable.
    """
    tasks = sorted(
        (task.task, task.task_digest, task.data_digest, bool(task.shown_only)) for task in teacher.tasks
    )
    return hashlib.sha256(json.dumps([protocol, tasks]).encode()).hexdigest()


@dataclass(frozen=True)
class Incumbent:
    """A registered version on its device, whose figures are known.

    Attributes:
      version: It.
      standing: Its figures.
      incomparable: Why its figures do not compare; empty if they do.
      reason: Why it does not compete; empty if it does.
    """

    version: RegisteredVersion
    standing: Standing
    incomparable: str
    reason: str

    @property
    def point(self) -> FrontierPoint:
        """Its figures."""
        return self.standing.point

    @property
    def name(self) -> str:
        """As in 'tinytrill-host v3 (champion)'."""
        return self.version.name

    def reported(self, beaten_by: Sequence[str] = ()) -> RegisteredPoint:
        """The version as the verdict shows it."""
        point = self.point
        return RegisteredPoint(
            registered_model=self.version.registered_model,
            version=self.version.version,
            aliases=list(self.version.aliases),
            point_id=point.point_id,
            run_name=self.standing.run_name,
            input=point.input,
            sha256=point.sha256,
            quality=point.quality,
            quality_low=point.quality_low,
            quality_high=point.quality_high,
            latency_ms=point.latency_ms,
            latency_ratio=point.latency_ratio,
            latency_ratio_low=point.latency_ratio_low,
            latency_ratio_high=point.latency_ratio_high,
            bytes=point.bytes,
            peak_mib=point.peak_mib,
            arena_kib=point.arena_kib,
            mega_macs=point.mega_macs,
            competes=not self.reason,
            reason=self.reason,
            beaten_by=list(beaten_by),
        )


def untrue(standing: Standing) -> str:
    """What is kept with a registered version that cannot be true, its draws included; empty if it can."""
    found = standing_faults(standing) or _draw_faults(standing.point)
    return f"what is kept with it cannot be true: {'; '.join(found)}" if found else ""


def _draw_faults(point: FrontierPoint) -> list[str]:
    if not point.quality_draws:
        return []
    draws = unpack(point.quality_draws)
    if MEAN not in draws:
        return ["the draws of its quality cannot be read"]
    return outside("the mean of its draws", float(draws[MEAN].mean()), point.quality_low, point.quality_high)


def find_incumbents(
    registered: Sequence[RegisteredVersion],
    measure: Measure,
    own_files: Mapping[str, str],
    axes: Sequence[AxisSettings],
) -> list[Incumbent]:
    """The registered versions with figures, each with why it does not compete, if it does not.

    Args:
      registered: Of the device.
      measure: What this run's figures were taken with.
      own_files: This run's points by sha256: a file does not compete with itself.
      axes: On what points compete.
    """
    found = []
    for version in registered:
        if version.standing is None:
            continue
        incomparable = measure.incomparable(version.standing, axes)
        own = own_files.get(version.standing.point.sha256)
        reason = incomparable or (f"the same file as {own} of this run" if own else "")
        found.append(Incumbent(version, version.standing, incomparable, reason))
    return found


def _words(machine: Machine) -> str:
    cores = f"cores {machine.cores}" if machine.cores else ""
    parts = (
        machine.name,
        machine.soc,
        machine.runtime,
        machine.delegate,
        f"threads: {machine.threads}",
        cores,
    )
    return f"{machine.backend} ({', '.join(part for part in parts if part)})"
