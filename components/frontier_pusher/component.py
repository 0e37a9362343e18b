"""The pusher as a TFX component: a verdict and the models in, pushed and registered versions out."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec

import schemas
from components.common.tfx import fan_in
from components.frontier_pusher import candidates, executor, inputs
from components.frontier_pusher.settings import PusherSettings


class FrontierPusher(base_component.BaseComponent):
    """Pushes and registers the blessed variants, and only them."""

    SPEC_CLASS = types.ComponentSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        verdict: types.BaseChannel,
        variants: Sequence[types.BaseChannel],
        students: Sequence[types.BaseChannel],
        noss: Sequence[types.BaseChannel],
        latency: Sequence[types.BaseChannel],
        teacher: types.BaseChannel,
        windows: types.BaseChannel,
        settings: PusherSettings,
        run_name: str,
        config_json: str = "",
        sources: Sequence[types.BaseChannel] = (),
        code_digest: str = "",
    ) -> None:
        """Wires the pusher.

        Args:
          verdict: ``FrontierVerdict``.
          variants: ``TfliteVariants`` of each candidate.
          students: ``StudentModel`` of each candidate, in the same order.
          noss: ``NossReport`` of each candidate, in the same order.
          latency: ``LatencyReport`` of each device.
          teacher: ``NossReport`` of the teacher.
          windows: ``DistillationSet``.
          settings: Destination and MLflow store.
          run_name: Name of the run.
          config_json: The run's resolved configuration as JSON, without credentials; may be empty.
          sources: ``IngestReport`` channels, of the corpus and of the tasks; or none.
          code_digest: Digest of the component's code, for the cache.

        Raises:
          ValueError: If the lists do not have one channel a candidate.
        """
        if not len(variants) == len(students) == len(noss):
            raise ValueError(
                f"one of each a candidate: {len(variants)} variants, {len(students)} students, "
                f"{len(noss)} NOSS reports"
            )
        source_channels = fan_in.channels(inputs.SOURCE_ROLE, sources)
        latency_channels = fan_in.channels(inputs.LATENCY_ROLE, latency)
        spec = fan_in.make_spec(
            "FrontierPusherSpec",
            parameters={
                executor.SETTINGS_PARAMETER: str,
                executor.RUN_NAME_PARAMETER: str,
                executor.CONFIG_PARAMETER: str,
                executor.CODE_DIGEST_PARAMETER: str,
            },
            inputs={
                inputs.VERDICT_KEY: schemas.FrontierVerdict,
                inputs.TEACHER_KEY: schemas.NossReport,
                inputs.WINDOWS_KEY: schemas.DistillationSet,
                **{key: schemas.LatencyReport for key in latency_channels},
                **{key: schemas.IngestReport for key in source_channels},
            },
            per_candidate={
                candidates.VARIANTS_ROLE: schemas.TfliteVariants,
                candidates.STUDENT_ROLE: schemas.StudentModel,
                candidates.NOSS_ROLE: schemas.NossReport,
            },
            candidates=len(variants),
            outputs={executor.PUSHED_KEY: schemas.PushedFrontier},
        )
        super().__init__(
            spec(
                **{
                    executor.SETTINGS_PARAMETER: settings.to_parameter(),
                    executor.RUN_NAME_PARAMETER: run_name,
                    executor.CONFIG_PARAMETER: config_json,
                    executor.CODE_DIGEST_PARAMETER: code_digest,
                    inputs.VERDICT_KEY: verdict,
                    inputs.TEACHER_KEY: teacher,
                    inputs.WINDOWS_KEY: windows,
                    **latency_channels,
                    **source_channels,
                    **fan_in.channels(candidates.VARIANTS_ROLE, variants),
                    **fan_in.channels(candidates.STUDENT_ROLE, students),
                    **fan_in.channels(candidates.NOSS_ROLE, noss),
                    executor.PUSHED_KEY: types.Channel(type=schemas.PushedFrontier),
                }
            )
        )
