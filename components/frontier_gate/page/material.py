"""What the page tells of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.common.frontier.goals import applicable
from components.common.frontier.settings import GateDemands, Goal
from schemas.comparison_reports import NossComparison
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossModelResult, NossReport
from schemas.student_reports import StudentInfo
from schemas.tensors import VariantInput
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import Verdict


@dataclass(frozen=True)
class Material:
    """What the page tells of: the verdict and all reports behind it."""

    verdict: Verdict
    converted: Sequence[TfliteReport]
    noss: Sequence[NossReport]
    latencies: Sequence[LatencyReport]
    teacher: NossModelResult
    baselines: Sequence[NossModelResult]
    students: Sequence[StudentInfo]
    comparison: NossComparison
    settings: GateDemands
    configuration: str = ""

    def latency_of(self, device: str) -> LatencyReport | None:
        """The latency report of a device by its name in the configuration."""
        return next((report for report in self.latencies if report.machine.profile == device), None)

    def goals_of(self, device: str, kind: VariantInput) -> list[Goal]:
        """The goals that are held against points of one input kind on a device."""
        return [goal for goal in applicable(self.settings.goals, device) if goal.input in (None, kind)]
