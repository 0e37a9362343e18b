"""The ``NossEvaluator`` component."""

from __future__ import annotations

from typing import Any, get_args

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.noss_evaluator.settings import Baseline, Evaluates, NossEvaluatorSettings
from schemas.artifacts import NossReport, TeacherModel, TfliteVariants
from schemas.students import FrontEndSpec
from schemas.teachers import TeacherSpec

_HAS_SPEC = ("teacher", "reference")


class NossEvaluator(Component):
    """Runs the benchmark on a student's TFLite variants, the teacher, a reference or the baselines.

    Attributes:
      examples: NOSS clips, splits train, validation and test.
      settings: How to embed, probe and report; what the evaluated models do not need is left out.
      evaluates: What is evaluated.
      seed: Of the bootstrap.
      front_end: The log-mel front end of all but students; these bring their own.
      variants: The student's TFLite variants; only for ``evaluates="student"``.
      teacher: The trained teacher, where the specification asks for one.
      teacher_spec: The teacher, or the reference under its own name.
      teacher_report: What this component reported of the teacher, to compare a student with.
      scratch_dir: Folder that all candidates share, where log-mels are kept; empty: they are not kept.
      code_digest: Digest of the code, so that the cache notices a change.
      data_digest: Digest of the teacher's own files, for the same purpose.
      report: The results.
    """

    examples: Input[Examples]
    settings: Parameter[NossEvaluatorSettings]
    evaluates: Parameter[Evaluates]
    seed: Parameter[int]
    front_end: Parameter[FrontEndSpec | None] = field(default=FrontEndSpec())
    variants: Input[TfliteVariants | None] = field(default=None)
    teacher: Input[TeacherModel | None] = field(default=None)
    teacher_spec: Parameter[TeacherSpec | None] = field(default=None)
    teacher_report: Input[NossReport | None] = field(default=None)
    scratch_dir: Parameter[str] = field(default="")
    code_digest: Parameter[str] = field(default="")
    data_digest: Parameter[str] = field(default="")
    report: Output[NossReport] = output()

    def prepare(self) -> None:
        """Refuses an unknown kind of model, and one whose needs are missing or superfluous."""
        evaluates, spec = self.evaluates, self.teacher_spec
        if evaluates not in get_args(Evaluates):
            raise ValueError(f"evaluates is {evaluates!r}, accepted: {', '.join(get_args(Evaluates))}")
        if (self.variants is not None) != (evaluates == "student"):
            raise ValueError(
                f"variants go with evaluates 'student' and with no other, evaluates is {evaluates!r}"
            )
        if (spec is not None) != (evaluates in _HAS_SPEC):
            raise ValueError(
                f"teacher_spec goes with evaluates {' or '.join(map(repr, _HAS_SPEC))} and with no other, "
                f"evaluates is {evaluates!r}"
            )
        if evaluates == "reference" and spec is not None and not spec.name:
            raise ValueError("a reference's teacher_spec needs a name: its row is called by it")
        if self.teacher is not None and evaluates not in _HAS_SPEC:
            raise ValueError(
                f"a teacher model goes with evaluates {' or '.join(map(repr, _HAS_SPEC))} only, "
                f"evaluates is {evaluates!r}"
            )
        if self.teacher_report is not None and evaluates == "teacher":
            raise ValueError("a teacher_report goes with all but evaluates 'teacher', which makes it")
        if evaluates == "baselines" and not self.settings.baselines:
            raise ValueError(f"evaluates 'baselines' needs at least one of {', '.join(get_args(Baseline))}")
        self.settings = needed_settings(self.settings, evaluates)
        if evaluates == "student":
            self.front_end = None


def needed_settings(settings: NossEvaluatorSettings, evaluates: Evaluates) -> NossEvaluatorSettings:
    """The settings with everything at its default that does not decide the figures of what is evaluated.

    The cache compares parameters: a new reference row or baseline must not make students be evaluated
    again.
    """
    defaults = NossEvaluatorSettings()
    unneeded = {"references"}
    if evaluates != "baselines":
        unneeded |= {"baselines"}
    if evaluates == "baselines":
        unneeded |= {"robustness"}
    changes: dict[str, Any] = {name: getattr(defaults, name) for name in unneeded}
    if evaluates == "baselines":
        changes["fidelity"] = False  # is not measured, and the teacher may have kept nothing for it
    if evaluates != "student":
        changes["tfma"] = settings.tfma.model_copy(update={"max_loss": defaults.tfma.max_loss})
    return settings.model_copy(update=changes)
