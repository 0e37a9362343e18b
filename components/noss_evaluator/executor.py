"""Executor of ``NossEvaluator``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.common.tfx.evidence import keep_evidence
from components.noss_evaluator.baselines import baseline_subject
from components.noss_evaluator.evaluation import Benchmark, evaluate
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.subjects import EvaluationSubject, student_subjects, teacher_subject
from schemas.noss_reports import SanityCheck
from schemas.students import FrontEndSpec
from schemas.teachers import parse_teacher
from schemas.tflite_reports import TfliteReport

EXAMPLES_KEY = "examples"
VARIANTS_KEY = "variants"
TEACHER_KEY = "teacher"
TEACHER_REPORT_KEY = "teacher_report"
REPORT_KEY = "report"
SETTINGS_KEY = "settings"
SUBJECT_KEY = "subject"
TEACHER_SPEC_KEY = "teacher_spec"
SEED_KEY = "seed"
SCRATCH_KEY = "scratch_dir"
CODE_DIGEST_KEY = "code_digest"

_LOG = logging.getLogger("tinytrill.noss_evaluator")


class Executor(base_executor.BaseExecutor):
    """Embeds every sound once, probes every task, reports."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates one subject: see the component for inputs, outputs and parameters.

        Raises:
          ValueError: If a model cannot be judged, or the protocol gave what knows nothing more than
            chance; in the latter case the report is kept beside the output.
        """
        settings = NossEvaluatorSettings.from_parameter(exec_properties[SETTINGS_KEY])
        uri = artifact_utils.get_single_uri(output_dict[REPORT_KEY])
        subjects, front_end = _subjects(input_dict, exec_properties, settings)
        if not subjects:
            _LOG.warning("nothing to evaluate: the candidate has no accepted variant")
        benchmark = Benchmark(
            examples=artifact_utils.get_single_uri(input_dict[EXAMPLES_KEY]),
            settings=settings,
            seed=exec_properties[SEED_KEY],
            scratch=exec_properties[SCRATCH_KEY],
            code=exec_properties[CODE_DIGEST_KEY],
        )
        teacher_report = _optional_uri(input_dict, TEACHER_REPORT_KEY)
        is_baseline = exec_properties[SUBJECT_KEY] == "baselines"
        report = evaluate(benchmark, subjects, front_end, Path(uri), teacher_report, check=is_baseline)
        _refuse_leaks(report.sanity, uri)


def _subjects(
    input_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
    settings: NossEvaluatorSettings,
) -> tuple[list[EvaluationSubject], FrontEndSpec]:
    """The subjects to evaluate and the front end they hear through."""
    subject = exec_properties[SUBJECT_KEY]
    if subject == "student":
        uri = artifact_utils.get_single_uri(input_dict[VARIANTS_KEY])
        report = TfliteReport.load(uri)
        return student_subjects(uri, report, settings.workers), report.front_end
    if subject == "baselines":
        return [baseline_subject(name, settings.workers) for name in settings.baselines], settings.front_end
    spec = parse_teacher(exec_properties[TEACHER_SPEC_KEY])
    trained_uri = _optional_uri(input_dict, TEACHER_KEY) or None
    if subject == "teacher":
        return [teacher_subject(spec, trained_uri, settings.workers)], settings.front_end
    reference = teacher_subject(spec, trained_uri, settings.workers, kind="reference", name=spec.name)
    return [reference], settings.front_end


def _optional_uri(input_dict: dict[str, list[types.Artifact]], key: str) -> str:
    given = input_dict.get(key)
    return str(artifact_utils.get_single_uri(given)) if given else ""


def _refuse_leaks(checks: Sequence[SanityCheck], uri: str) -> None:
    """Stops the run if a check failed: no figure of such a protocol means anything."""
    failed = [
        f"{check.check} scores {check.value:.3f} on {check.task} (chance {check.chance:.3f}, at most "
        f"{check.limit:.3f} is accepted)"
        for check in checks
        if not check.passed
    ]
    if failed:
        raise ValueError(f"the protocol leaks: {'; '.join(failed)}; all figures are in {keep_evidence(uri)}")
