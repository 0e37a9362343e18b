"""The LatencyBenchmark component."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec

from components import fan_in
from components.latency_benchmark.executor import (
    CODE_DIGEST,
    REPORT_KEY,
    SEED,
    SETTINGS,
    VARIANTS_ROLE,
    Executor,
)
from components.latency_benchmark.settings import LatencySettings
from schemas.artifacts import LatencyReport, TfliteVariants


class LatencyBenchmark(base_component.BaseComponent):
    """The TFLite variants of all candidates to one latency report.

    Inputs: ``variants_000 ... variants_NNN``. Output: ``report``: ``latency_report.json`` and the
    reference model it compares with.
    """

    SPEC_CLASS = types.ComponentSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        variants: Sequence[types.BaseChannel],
        settings: LatencySettings | None = None,
        seed: int = 0,
        code_digest: str = "",
    ) -> None:
        """Makes the node.

        Args:
          variants: Channels of ``TfliteVariants``, one a candidate.
          settings: Back end and rounds; defaults where None.
          seed: Of the order of the rounds, the inputs and the bootstrap.
          code_digest: Digest of the component's code, so that the cache sees a change.

        Raises:
          ValueError: If there is no candidate.
        """
        spec = fan_in.make_spec(
            "LatencyBenchmarkSpec",
            parameters={SETTINGS: str, SEED: int, CODE_DIGEST: str},
            inputs={},
            per_candidate={VARIANTS_ROLE: TfliteVariants},
            candidates=len(variants),
            outputs={REPORT_KEY: LatencyReport},
        )
        super().__init__(
            spec=spec(
                **{
                    SETTINGS: (settings or LatencySettings()).to_parameter(),
                    SEED: seed,
                    CODE_DIGEST: code_digest,
                    REPORT_KEY: types.Channel(type=LatencyReport),
                    **fan_in.channels(VARIANTS_ROLE, variants),
                }
            )
        )
