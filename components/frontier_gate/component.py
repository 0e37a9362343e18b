"""The gate as a TFX component: all reports in, one verdict out."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec

import schemas
from components.common.frontier.settings import GateSettings
from components.common.tfx import fan_in
from components.frontier_gate import executor, reports


class FrontierGate(base_component.BaseComponent):
    """Decides which TFLite variants are the frontier and which are blessed."""

    SPEC_CLASS = types.ComponentSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        variants: Sequence[types.BaseChannel],
        noss: Sequence[types.BaseChannel],
        teacher: types.BaseChannel,
        latency: Sequence[types.BaseChannel],
        comparison: types.BaseChannel,
        settings: GateSettings,
        run_name: str,
        baselines: Sequence[types.BaseChannel] = (),
        students: Sequence[types.BaseChannel] = (),
        config_json: str = "",
        code_digest: str = "",
        registry_digest: str = "",
    ) -> None:
        """Wires the gate.

        Args:
          variants: ``TfliteVariants`` of each candidate.
          noss: ``NossReport`` of each candidate, in the same order.
          teacher: ``NossReport`` of the teacher.
          latency: ``LatencyReport`` of all variants on each device.
          comparison: ``NossComparison`` of all of them; its pages become part of the verdict's.
          settings: Goals and margins.
          run_name: Name of the run, as the page shows it.
          baselines: ``NossReport`` of the baselines and of each reference model.
          students: ``StudentModel`` of each candidate in the same order, for the training curves; or none.
          config_json: The run's resolved configuration as JSON, for the page; may be empty.
          code_digest: Digest of the component's code, for the cache.
          registry_digest: Digest of what the registry holds, for the cache.

        Raises:
          ValueError: If the lists do not have one channel a candidate, or there is no device.
        """
        if not latency:
            raise ValueError("the gate needs the latency report of at least one device")
        if len(noss) != len(variants):
            raise ValueError(f"one NOSS report a candidate: {len(variants)} candidates, {len(noss)} reports")
        if students and len(students) != len(variants):
            raise ValueError(
                f"one student a candidate, or none: {len(variants)} candidates, {len(students)} students"
            )
        roles = {reports.VARIANTS_ROLE: schemas.TfliteVariants, reports.NOSS_ROLE: schemas.NossReport}
        if students:
            roles[reports.STUDENT_ROLE] = schemas.StudentModel
        latency_channels = fan_in.channels(reports.LATENCY_ROLE, latency)
        baseline_channels = fan_in.channels(reports.BASELINE_ROLE, baselines)
        spec = fan_in.make_spec(
            "FrontierGateSpec",
            parameters={
                executor.SETTINGS_PARAMETER: str,
                executor.RUN_NAME_PARAMETER: str,
                executor.CONFIG_PARAMETER: str,
                executor.CODE_DIGEST_PARAMETER: str,
                executor.REGISTRY_DIGEST_PARAMETER: str,
            },
            inputs={
                reports.TEACHER_KEY: schemas.NossReport,
                reports.COMPARISON_KEY: schemas.NossComparison,
                **{key: schemas.LatencyReport for key in latency_channels},
                **{key: schemas.NossReport for key in baseline_channels},
            },
            per_candidate=roles,
            candidates=len(variants),
            outputs={executor.VERDICT_KEY: schemas.FrontierVerdict},
        )
        super().__init__(
            spec(
                **{
                    executor.SETTINGS_PARAMETER: settings.to_parameter(),
                    executor.RUN_NAME_PARAMETER: run_name,
                    executor.CONFIG_PARAMETER: config_json,
                    executor.CODE_DIGEST_PARAMETER: code_digest,
                    executor.REGISTRY_DIGEST_PARAMETER: registry_digest,
                    reports.TEACHER_KEY: teacher,
                    reports.COMPARISON_KEY: comparison,
                    **latency_channels,
                    **baseline_channels,
                    **fan_in.channels(reports.VARIANTS_ROLE, variants),
                    **fan_in.channels(reports.NOSS_ROLE, noss),
                    **fan_in.channels(reports.STUDENT_ROLE, students),
                    executor.VERDICT_KEY: types.Channel(type=schemas.FrontierVerdict),
                }
            )
        )
