"""The LatencyBenchmark component."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec

from components.common.tfx import fan_in
from components.latency_benchmark.executor import (
    CODE_DIGEST,
    DATA_DIGEST,
    DEVICE,
    NAME,
    REPORT_KEY,
    SCRATCH_DIR,
    SEED,
    SETTINGS,
    VARIANTS_ROLE,
    Executor,
)
from components.latency_benchmark.settings import MeasurementSettings
from schemas.artifacts import LatencyReport, TfliteVariants
from schemas.devices import Device


class LatencyBenchmark(base_component.BaseComponent):
    """The TFLite variants of all candidates to the latency report of one device.

    Inputs: ``variants_000 ... variants_NNN``. Output: ``report``: ``latency_report.json``, the raw
    ``samples.npz`` and the reference model it compares with.
    """

    SPEC_CLASS = types.ComponentSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        variants: Sequence[types.BaseChannel],
        name: str,
        device: Device,
        settings: MeasurementSettings,
        seed: int = 0,
        scratch_dir: str = "",
        code_digest: str = "",
        data_digest: str = "",
    ) -> None:
        """Makes the node of one device.

        Args:
          variants: Channels of ``TfliteVariants``, one a candidate.
          name: The device's name in the configuration.
          device: What it is. Its budgets are the gate's and left out here, so that another budget does
            not have everything measured again.
          settings: How long and how often everything is timed.
          seed: Of the order of the rounds, the inputs and the bootstrap.
          scratch_dir: Folder for finished sessions, so that a killed measurement goes on; empty: none.
          code_digest: Digest of the component's code, so that the cache sees a change.
          data_digest: Digest of the device's own files (tool, record), for the same purpose.

        Raises:
          ValueError: If there is no candidate.
        """
        parameters = {
            **{NAME: str, DEVICE: str, SETTINGS: str, SEED: int},
            **{SCRATCH_DIR: str, CODE_DIGEST: str, DATA_DIGEST: str},
        }
        spec = fan_in.make_spec(
            "LatencyBenchmarkSpec",
            parameters=parameters,
            inputs={},
            per_candidate={VARIANTS_ROLE: TfliteVariants},
            candidates=len(variants),
            outputs={REPORT_KEY: LatencyReport},
        )
        super().__init__(
            spec=spec(
                **{
                    NAME: name,
                    DEVICE: device.model_copy(update={"budgets": ()}).to_parameter(),
                    SETTINGS: settings.to_parameter(),
                    SEED: seed,
                    SCRATCH_DIR: scratch_dir,
                    CODE_DIGEST: code_digest,
                    DATA_DIGEST: data_digest,
                    REPORT_KEY: types.Channel(type=LatencyReport),
                    **fan_in.channels(VARIANTS_ROLE, variants),
                }
            )
        )
