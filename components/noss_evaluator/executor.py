"""Executor of ``NossEvaluator``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from components.common.tfx.evidence import keep_evidence
from components.common.tfx.executors import TaskExecutor
from components.noss_evaluator.baselines import baseline_under_test
from components.noss_evaluator.component import NossEvaluator
from components.noss_evaluator.evaluation import Benchmark, evaluate
from components.noss_evaluator.models_under_test import (
    ModelUnderTest,
    students_under_test,
    teacher_under_test,
)
from schemas.noss_reports import SanityCheck
from schemas.settings import UnreadableReport
from schemas.students import FrontEndSpec
from schemas.tflite_reports import TfliteReport

_LOG = logging.getLogger("tinytrill.noss_evaluator")


class Executor(TaskExecutor[NossEvaluator]):
    """Embeds every sound once, probes every task, reports."""

    def run(self, task: NossEvaluator) -> None:
        """Evaluates a model, or a student's variants: see the component for inputs, outputs, parameters.

        Raises:
          ValueError: If a model cannot be judged, or the protocol gave what knows nothing more than
            chance; in the latter case the report is kept beside the output.
        """
        uri = task.report.uri
        under_test, front_end = _models_under_test(task)
        if not under_test:
            _LOG.warning("nothing to evaluate: the candidate has no accepted variant that can be read")
        benchmark = Benchmark(
            examples=task.examples.uri,
            settings=task.settings,
            seed=task.seed,
            scratch=task.scratch_dir,
            code=task.code_digest,
        )
        teacher_report = task.teacher_report.uri if task.teacher_report else ""
        is_baseline = task.evaluates == "baselines"
        report = evaluate(benchmark, under_test, front_end, Path(uri), teacher_report, check=is_baseline)
        _refuse_leaks(report.sanity, uri)


def _models_under_test(task: NossEvaluator) -> tuple[list[ModelUnderTest], FrontEndSpec]:
    """The models to evaluate and their front end."""
    settings = task.settings
    front_end = task.front_end or FrontEndSpec()
    if task.variants:
        try:
            report = TfliteReport.load(task.variants.uri)
        except UnreadableReport as error:
            _LOG.warning("a candidate is left out, and the gate will refuse it: %s", error)
            return [], front_end
        return students_under_test(task.variants.uri, report, settings.workers), report.front_end
    if not task.teacher_spec:
        return [baseline_under_test(name, settings.workers) for name in settings.baselines], front_end
    spec, trained_uri = task.teacher_spec, task.teacher.uri if task.teacher else None
    if task.evaluates == "teacher":
        return [teacher_under_test(spec, trained_uri, settings.workers)], front_end
    reference = teacher_under_test(spec, trained_uri, settings.workers, kind="reference", name=spec.name)
    return [reference], front_end


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
