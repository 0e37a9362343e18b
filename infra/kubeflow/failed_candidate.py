"""Writes a candidate down as failed, in the forms that its components themselves have for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from infra.kubeflow.finished_steps import Step
from schemas.distillation_reports import DistillationSetInfo
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tflite_reports import TfliteReport


def write_down(steps: Sequence[Step], failed: int, student: StudentSpec, failure: str) -> None:
    """Writes what a failed step was to make, and does the steps behind it, which then have little to do.

    Args:
      steps: Training, conversion, evaluation of the candidate.
      failed: Which of them failed. A candidate that cannot be evaluated has no variants to choose from.
      student: The candidate.
      failure: Why.

    Raises:
      Exception: If the steps behind it fail, too: then it is not the candidate.
    """
    train, convert, evaluate = steps
    if failed == 0:
        _untrained(train, student, failure)
        convert.run()
    else:
        _unconverted(convert, failure)
    evaluate.run()


def _untrained(train: Step, student: StudentSpec, failure: str) -> None:
    model = train.outputs["model"].uri
    shutil.rmtree(model, ignore_errors=True)
    Path(model).mkdir(parents=True)
    StudentInfo(
        candidate_id=student.candidate_id,
        failure=failure,
        spec=student,
        front_end=student.front_end_in(FrontEndSpec.from_parameter(train.properties["front_end"])),
        parameters=0,
        target_dim=DistillationSetInfo.load(train.inputs["windows"].uri).target_dim,
        target_variance_explained=0.0,
        seed=train.properties["seed"],
        best_epoch=0,
        epochs=[],
        steps=0,
        windows_per_second=0.0,
    ).save(model)


def _unconverted(convert: Step, failure: str) -> None:
    info = StudentInfo.load(convert.inputs["model"].uri)
    variants = convert.outputs["variants"].uri
    shutil.rmtree(variants, ignore_errors=True)
    Path(variants).mkdir(parents=True)
    TfliteReport(
        candidate_id=info.candidate_id,
        failure=info.failure or failure,
        spec=info.spec,
        front_end=info.front_end,
        parameters=info.parameters,
        variants=[],
    ).save(variants)
