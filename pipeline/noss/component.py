"""The contract of the node that measures a model as somebody named it."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.artifacts import NossReport
from schemas.students import FrontEndSpec


class NamedModelEvaluator(Component):
    """Runs the benchmark on a model that was there before.

    Attributes:
      examples: NOSS clips.
      argument: What names the model.
      as_teacher: Whether the others are compared with it: 1 or 0.
      model_digest: Of what it is and of its files, for the cache.
      settings: How it is measured.
      front_end: Its log-mel front end, if it does not bring its own.
      seed: Of the draws and of the bootstrap.
      teacher_report: Of the teacher that it is compared with; none: it is not.
      scratch_dir: Folder where log-mels are kept for other models.
      code_digest: Digest of the benchmark's code, for the cache.
      report: The results.
    """

    examples: Input[Examples]
    argument: Parameter[str]
    as_teacher: Parameter[int]
    model_digest: Parameter[str]
    settings: Parameter[NossEvaluatorSettings]
    front_end: Parameter[FrontEndSpec]
    seed: Parameter[int]
    teacher_report: Input[NossReport | None] = field(default=None)
    scratch_dir: Parameter[str] = field(default="")
    code_digest: Parameter[str] = field(default="")
    report: Output[NossReport] = output()
