"""The ``NossComparison`` component: all reports of the benchmark in, one comparison out."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts

import schemas
from components.common.tfx import fan_in
from components.noss_comparison import executor
from components.noss_comparison.settings import NossComparisonSettings


class NossComparison(base_component.BaseComponent):
    """Puts students, teacher and references side by side."""

    SPEC_CLASS = types.ComponentSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        noss: Sequence[types.BaseChannel],
        teacher: types.BaseChannel,
        references: Sequence[types.BaseChannel],
        examples: types.BaseChannel,
        settings: NossComparisonSettings,
        code_digest: str = "",
    ) -> None:
        """Wires the comparison.

        Args:
          noss: ``NossReport`` of each candidate.
          teacher: ``NossReport`` of the teacher.
          references: ``NossReport`` of the baselines and of each reference model; may be empty.
          examples: NOSS clips, for the task set at their top.
          settings: How much is compared.
          code_digest: Digest of the component's code, for the cache.

        Raises:
          ValueError: If there is no candidate.
        """
        reference_channels = fan_in.channels(executor.REFERENCE_ROLE, references)
        spec = fan_in.make_spec(
            "NossComparisonSpec",
            parameters={executor.SETTINGS_PARAMETER: str, executor.CODE_DIGEST_PARAMETER: str},
            inputs={
                executor.TEACHER_KEY: schemas.NossReport,
                executor.EXAMPLES_KEY: standard_artifacts.Examples,
                **{key: schemas.NossReport for key in reference_channels},
            },
            per_candidate={executor.NOSS_ROLE: schemas.NossReport},
            candidates=len(noss),
            outputs={executor.COMPARISON_KEY: schemas.NossComparison},
        )
        super().__init__(
            spec(
                **{
                    executor.SETTINGS_PARAMETER: settings.to_parameter(),
                    executor.CODE_DIGEST_PARAMETER: code_digest,
                    executor.TEACHER_KEY: teacher,
                    executor.EXAMPLES_KEY: examples,
                    **reference_channels,
                    **fan_in.channels(executor.NOSS_ROLE, noss),
                    executor.COMPARISON_KEY: types.Channel(type=schemas.NossComparison),
                }
            )
        )
