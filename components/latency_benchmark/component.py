"""The LatencyBenchmark component."""

from __future__ import annotations

from components.common.tfx.contract import Component, Output, Parameter, PerCandidate, field, output
from components.latency_benchmark.settings import MeasurementSettings
from schemas.artifacts import LatencyReport, TfliteVariants
from schemas.devices import Device


class LatencyBenchmark(Component):
    """The TFLite variants of all candidates to the latency report of one device.

    Attributes:
      variants: Of each candidate.
      name: The device's name in the configuration.
      device: What it is. Its budgets are the gate's and left out here, so that another budget does not have
        everything measured again.
      settings: How long and how often everything is timed.
      seed: Of the order of the rounds, the inputs and the bootstrap.
      scratch_dir: Folder for finished sessions, so that a killed measurement goes on; empty: none.
      code_digest: Digest of the component's code, so that the cache sees a change.
      data_digest: Digest of the device's own files (tool, record), for the same purpose.
      report: ``latency_report.json``, the raw ``samples.npz`` and the reference model it compares with.
    """

    variants: PerCandidate[TfliteVariants]
    name: Parameter[str]
    device: Parameter[Device]
    settings: Parameter[MeasurementSettings]
    seed: Parameter[int] = field(default=0)
    scratch_dir: Parameter[str] = field(default="")
    code_digest: Parameter[str] = field(default="")
    data_digest: Parameter[str] = field(default="")
    report: Output[LatencyReport] = output()

    def prepare(self) -> None:
        """Leaves the budgets out."""
        self.device = self.device.model_copy(update={"budgets": ()})
