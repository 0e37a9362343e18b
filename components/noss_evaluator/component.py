"""The ``NossEvaluator`` component."""

from __future__ import annotations

from typing import Any, get_args

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

import schemas
from components.noss_evaluator import executor
from components.noss_evaluator.settings import Baseline, NossEvaluatorSettings, Subject
from schemas.teachers import TeacherSpec

_HAS_SPEC = ("teacher", "reference")


class NossEvaluatorSpec(types.ComponentSpec):
    """Specification of ``NossEvaluator``."""

    PARAMETERS = {
        executor.SETTINGS_KEY: ExecutionParameter(type=str),
        executor.SUBJECT_KEY: ExecutionParameter(type=str),
        executor.TEACHER_SPEC_KEY: ExecutionParameter(type=str),
        executor.SEED_KEY: ExecutionParameter(type=int),
        executor.SCRATCH_KEY: ExecutionParameter(type=str),
        executor.CODE_DIGEST_KEY: ExecutionParameter(type=str),
        "data_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        executor.VARIANTS_KEY: ChannelParameter(type=schemas.TfliteVariants, optional=True),
        executor.TEACHER_KEY: ChannelParameter(type=schemas.TeacherModel, optional=True),
        executor.TEACHER_REPORT_KEY: ChannelParameter(type=schemas.NossReport, optional=True),
    }
    OUTPUTS = {executor.REPORT_KEY: ChannelParameter(type=schemas.NossReport)}


class NossEvaluator(base_component.BaseComponent):
    """Runs the benchmark on a student's TFLite variants, the teacher, a reference or the baselines."""

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
        teacher_report: types.BaseChannel | None = None,
        scratch_dir: str = "",
        code_digest: str = "",
        data_digest: str = "",
    ) -> None:
        """Makes the component.

        Args:
          examples: NOSS clips, splits train, validation and test.
          settings: How to embed, probe and report; what the subject does not need is left out.
          subject: What is evaluated.
          seed: Of the bootstrap.
          variants: The student's TFLite variants; only for ``subject="student"``.
          teacher: The trained teacher, where the specification asks for one.
          teacher_spec: The teacher, or the reference under its own name.
          teacher_report: What this component reported of the teacher, to compare a student with.
          scratch_dir: Folder that all candidates share, where log-mels are kept; empty: they are not kept.
          code_digest: Digest of the code, so that the cache notices a change.
          data_digest: Digest of the teacher's own files, for the same purpose.

        Raises:
          ValueError: If the subject is unknown or what it needs is missing or superfluous.
        """
        if subject not in get_args(Subject):
            raise ValueError(f"subject is {subject!r}, accepted are {', '.join(get_args(Subject))}")
        if (variants is not None) != (subject == "student"):
            raise ValueError(f"variants go with subject 'student' and with no other, subject is {subject!r}")
        if (teacher_spec is not None) != (subject in _HAS_SPEC):
            raise ValueError(
                f"teacher_spec goes with subject {' or '.join(map(repr, _HAS_SPEC))} and with no other, "
                f"subject is {subject!r}"
            )
        if subject == "reference" and teacher_spec is not None and not teacher_spec.name:
            raise ValueError("a reference's teacher_spec needs a name: its row is called by it")
        if teacher is not None and subject not in _HAS_SPEC:
            raise ValueError(
                f"a teacher model goes with subject {' or '.join(map(repr, _HAS_SPEC))} only, "
                f"subject is {subject!r}"
            )
        if teacher_report is not None and subject == "teacher":
            raise ValueError("a teacher_report goes with every subject but 'teacher', which makes it")
        if subject == "baselines" and not settings.baselines:
            raise ValueError(f"subject 'baselines' needs at least one of {', '.join(get_args(Baseline))}")
        spec = NossEvaluatorSpec(
            **{
                executor.EXAMPLES_KEY: examples,
                executor.VARIANTS_KEY: variants,
                executor.TEACHER_KEY: teacher,
                executor.TEACHER_REPORT_KEY: teacher_report,
                executor.SETTINGS_KEY: needed_settings(settings, subject).to_parameter(),
                executor.SUBJECT_KEY: subject,
                executor.TEACHER_SPEC_KEY: teacher_spec.to_parameter() if teacher_spec else "",
                executor.SEED_KEY: seed,
                executor.SCRATCH_KEY: scratch_dir,
                executor.CODE_DIGEST_KEY: code_digest,
                "data_digest": data_digest,
                executor.REPORT_KEY: types.Channel(type=schemas.NossReport),
            }
        )
        super().__init__(spec=spec)


def needed_settings(settings: NossEvaluatorSettings, subject: Subject) -> NossEvaluatorSettings:
    """The settings with everything at its default that does not decide this subject's figures.

    The cache compares parameters: a new reference row or baseline must not make students be evaluated
    again.
    """
    defaults = NossEvaluatorSettings()
    unneeded = {"references"}
    if subject != "baselines":
        unneeded |= {"baselines"}
    if subject == "student":
        unneeded |= {"front_end"}
    if subject == "baselines":
        unneeded |= {"robustness"}
    if subject in ("baselines", "reference"):
        unneeded |= {"fidelity"}
    changes: dict[str, Any] = {name: getattr(defaults, name) for name in unneeded}
    if subject != "student":
        changes["tfma"] = settings.tfma.model_copy(update={"max_loss": defaults.tfma.max_loss})
    return settings.model_copy(update=changes)
