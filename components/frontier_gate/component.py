"""The gate as a TFX component: all reports in, one verdict out."""

from __future__ import annotations

from components.common.frontier.settings import GateDemands
from components.common.tfx.contract import (
    Component,
    Input,
    InputList,
    Output,
    Parameter,
    PerCandidate,
    field,
    output,
)
from schemas.artifacts import (
    FrontierVerdict,
    LatencyReport,
    NossComparison,
    NossReport,
    SearchDecision,
    StudentModel,
    TfliteVariants,
)


class FrontierGate(Component):
    """Decides which TFLite variants are the frontier and which are blessed.

    Attributes:
      variants: Of each candidate.
      noss: Report of each candidate, in the same order.
      teacher: Report of the teacher.
      latency: Reports of all variants on each device.
      comparison: Of all of them; its pages become part of the verdict's.
      settings: Goals, margins and the devices' budgets.
      run_name: Name of the run, as the page shows it.
      decision: Of a search: which candidates it left out; none: all were trained.
      baselines: Reports of the baselines and of each reference model.
      students: Of each candidate in the same order, for the training curves; or none.
      config_json: The run's resolved configuration as JSON, for the page; may be empty.
      code_digest: Digest of the component's code, for the cache.
      registry_digest: Digest of what the registry holds, for the cache.
      tracking_uri: MLflow registry to compete with.
      registered_model: Its registered models ``<this>-<device>``; empty: none.
      without_registry: Whether to judge without registered models when the registry does not answer.
      verdict: The verdict with its picture and its page.
    """

    variants: PerCandidate[TfliteVariants]
    noss: PerCandidate[NossReport]
    teacher: Input[NossReport]
    latency: InputList[LatencyReport]
    comparison: Input[NossComparison]
    settings: Parameter[GateDemands]
    run_name: Parameter[str]
    baselines: InputList[NossReport] = field(key="baseline", default=())
    students: PerCandidate[StudentModel] = field(key="student", default=())
    decision: Input[SearchDecision | None] = field(default=None)
    config_json: Parameter[str] = field(default="")
    code_digest: Parameter[str] = field(default="")
    registry_digest: Parameter[str] = field(default="")
    tracking_uri: Parameter[str] = field(default="")
    registered_model: Parameter[str] = field(default="")
    without_registry: Parameter[int] = field(default=0)
    verdict: Output[FrontierVerdict] = output()

    def prepare(self) -> None:
        """Refuses lists that have not one of each candidate, and a run without a device."""
        candidates = len(self.variants)
        if not self.latency:
            raise ValueError("the gate needs the latency report of at least one device")
        if len(self.noss) != candidates:
            raise ValueError(
                f"one NOSS report a candidate: {candidates} candidates, {len(self.noss)} reports"
            )
        if self.students and len(self.students) != candidates:
            raise ValueError(
                f"one student a candidate, or none: {candidates} candidates, {len(self.students)} students"
            )
