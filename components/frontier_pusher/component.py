"""The pusher as a TFX component: a verdict and the models in, pushed and registered versions out."""

from __future__ import annotations

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
from components.frontier_pusher.settings import PusherSettings
from schemas.artifacts import (
    DistillationSet,
    FrontierVerdict,
    IngestReport,
    LatencyReport,
    NossReport,
    PushedFrontier,
    StudentModel,
    TfliteVariants,
)


class FrontierPusher(Component):
    """Pushes and registers the blessed variants, and only them.

    Attributes:
      verdict: What is blessed.
      variants: Of each candidate.
      students: Of each candidate, in the same order.
      noss: Report of each candidate, in the same order.
      latency: Reports of each device.
      teacher: Report of the teacher.
      windows: What all students learned from.
      settings: Destination and MLflow store.
      run_name: Name of the run.
      config_json: The run's resolved configuration as JSON, without credentials; may be empty.
      sources: Reports of the corpus and of the tasks; or none.
      code_digest: Digest of the component's code, for the cache.
      pushed: Where each blessed variant went.
    """

    verdict: Input[FrontierVerdict]
    variants: PerCandidate[TfliteVariants]
    students: PerCandidate[StudentModel] = field(key="student")
    noss: PerCandidate[NossReport]
    latency: InputList[LatencyReport]
    teacher: Input[NossReport]
    windows: Input[DistillationSet]
    settings: Parameter[PusherSettings]
    run_name: Parameter[str]
    config_json: Parameter[str] = field(default="")
    sources: InputList[IngestReport] = field(key="source", default=())
    code_digest: Parameter[str] = field(default="")
    pushed: Output[PushedFrontier] = output()

    def prepare(self) -> None:
        """Refuses lists that have not one of each candidate."""
        if not len(self.variants) == len(self.students) == len(self.noss):
            raise ValueError(
                f"one of each a candidate: {len(self.variants)} variants, {len(self.students)} students, "
                f"{len(self.noss)} NOSS reports"
            )
