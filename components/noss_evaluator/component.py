"""The ``NossEvaluator`` component."""

from __future__ import annotations

from typing import get_args

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

import schemas
from components.noss_evaluator import executor
from components.noss_evaluator.settings import NossEvaluatorSettings, Subject
from schemas.teachers import TeacherSpec


class NossEvaluatorSpec(types.ComponentSpec):
    """Specification of ``NossEvaluator``."""

    PARAMETERS = {
        executor.SETTINGS_KEY: ExecutionParameter(type=str),
        executor.SUBJECT_KEY: ExecutionParameter(type=str),
        executor.TEACHER_SPEC_KEY: ExecutionParameter(type=str),
        executor.SEED_KEY: ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
        "data_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        executor.VARIANTS_KEY: ChannelParameter(type=schemas.TfliteVariants, optional=True),
        executor.TEACHER_KEY: ChannelParameter(type=schemas.TeacherModel, optional=True),
    }
    OUTPUTS = {executor.REPORT_KEY: ChannelParameter(type=schemas.NossReport)}


class NossEvaluator(base_component.BaseComponent):
    """Runs the NOSS tasks on a student's TFLite variants, on the teacher or on the log-mel baseline."""

    SPEC_CLASS = NossEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        settings: NossEvaluatorSettings,
        subject: Subject,
        seed: int,
        variants: types.BaseChannel | None = None,
        teacher: types.BaseChannel | None = None,
        teacher_spec: TeacherSpec | None = None,
        code_digest: str = "",
        data_digest: str = "",
    ) -> None:
        """Makes the component.

        Args:
          examples: NOSS clips, splits train, validation and test.
          settings: How to embed, probe and report.
          subject: What is evaluated.
          seed: Of the bootstrap.
          variants: The student's TFLite variants; only for ``subject="student"``.
          teacher: The trained teacher, where the specification asks for one.
          teacher_spec: The teacher; only for ``subject="teacher"``.
          code_digest: Digest of the code, so that the cache notices a change.
          data_digest: Digest of the teacher's own files, for the same purpose.

        Raises:
          ValueError: If the subject is unknown or what it needs is missing or superfluous.
        """
        if subject not in get_args(Subject):
            raise ValueError(f"subject is {subject!r}, accepted are {', '.join(get_args(Subject))}")
        if (variants is not None) != (subject == "student"):
            raise ValueError(f"variants go with subject 'student' and with no other, subject is {subject!r}")
        if (teacher_spec is not None) != (subject == "teacher"):
            raise ValueError(
                f"teacher_spec goes with subject 'teacher' and with no other, subject is {subject!r}"
            )
        if teacher is not None and subject != "teacher":
            raise ValueError(f"a teacher model goes with subject 'teacher' only, subject is {subject!r}")
        spec = NossEvaluatorSpec(
            **{
                executor.EXAMPLES_KEY: examples,
                executor.VARIANTS_KEY: variants,
                executor.TEACHER_KEY: teacher,
                executor.SETTINGS_KEY: settings.to_parameter(),
                executor.SUBJECT_KEY: subject,
                executor.TEACHER_SPEC_KEY: teacher_spec.to_parameter() if teacher_spec else "",
                executor.SEED_KEY: seed,
                "code_digest": code_digest,
                "data_digest": data_digest,
                executor.REPORT_KEY: types.Channel(type=schemas.NossReport),
            }
        )
        super().__init__(spec=spec)
