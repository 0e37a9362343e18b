"""Executor of ``NossEvaluator``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from threadpoolctl import threadpool_limits

from components.noss_evaluator.clips import ClipStream, read_clips
from components.noss_evaluator.embedding import Embeddings, embed
from components.noss_evaluator.intervals import mean_interval
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.subjects import (
    EvaluationSubject,
    logmel_subject,
    make_front_end,
    student_subjects,
    teacher_subject,
)
from components.noss_evaluator.tasks import (
    NossTask,
    TaskEvaluation,
    gather_tasks,
    write_predictions,
)
from components.noss_evaluator.tfma_evaluation import write_tfma_evaluation
from schemas.noss_reports import NossModelResult, NossReport, NossTaskSet
from schemas.reports import TfliteReport
from schemas.students import FrontEndSpec
from schemas.teachers import parse_teacher

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

PREDICTIONS_FOLDER = "predictions"
TFMA_FOLDER = "tfma"

_CLIPS_NAMED = 5
_LOG = logging.getLogger("tinytrill.noss_evaluator")


class Executor(base_executor.BaseExecutor):
    """Embeds every sound once, probes every task, reports."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates one subject: see the component for inputs, outputs and parameters."""
        settings = NossEvaluatorSettings.from_parameter(exec_properties[SETTINGS_KEY])
        folder = Path(artifact_utils.get_single_uri(output_dict[REPORT_KEY]))

        subjects, front_end = _subjects(input_dict, exec_properties, settings)
        if not subjects:
            _LOG.warning("nothing to evaluate: the candidate has no accepted variant")
            NossReport(protocol=_protocol(settings), results=[]).save(str(folder))
            return
        examples = artifact_utils.get_single_uri(input_dict[EXAMPLES_KEY])
        task_set = NossTaskSet.load(examples)
        stream = ClipStream(read_clips(examples))
        batches = stream.batches(front_end.window_samples, settings.hop_samples, settings.batch_windows)
        embedded = embed(batches, subjects, make_front_end(front_end), settings.workers)
        tasks = gather_tasks(stream.entries, task_set, settings)

        sound, refused = _sort_out(embedded)
        evaluations = [evaluate_tasks(tasks, one, settings, exec_properties[SEED_KEY]) for one in sound]
        results = [_result(one, of_tasks) for one, of_tasks in zip(sound, evaluations, strict=True)]
        for one, result, of_tasks in zip(sound, results, evaluations, strict=True):
            for evaluation in of_tasks:
                write_predictions(folder / PREDICTIONS_FOLDER / one.subject.name, evaluation)
            if settings.tfma.results == "all" or (
                settings.tfma.results == "best" and result is max(results, key=lambda each: each.mean)
            ):
                write_tfma_evaluation(folder / TFMA_FOLDER / one.subject.name, of_tasks)
        NossReport(protocol=_protocol(settings), results=results, refused=refused).save(str(folder))


def evaluate_tasks(
    tasks: Sequence[NossTask], embedded: Embeddings, settings: NossEvaluatorSettings, seed: int
) -> list[TaskEvaluation]:
    """All tasks of one model, in parallel threads with one BLAS thread each.

    Returns:
      Evaluations in the order of the tasks.
    """
    matrix = embedded.matrix
    # The longest first, so that no thread is left alone with it at the end.
    by_cost = sorted(tasks, key=lambda task: -len(task.splits["train"]) * len(task.classes))
    with warnings.catch_warnings(), threadpool_limits(limits=1), ThreadPoolExecutor(settings.workers) as pool:
        # Close to the optimum float32 ends the line search before the gradient does: the result stands.
        warnings.filterwarnings("ignore", message=".*[Ll]ine [Ss]earch")
        evaluations = list(pool.map(lambda task: evaluate_task(task, matrix, settings, seed), by_cost))
    for evaluation in evaluations:
        result = evaluation.result
        _LOG.info(
            "%s %s: %.3f [%.3f, %.3f], n %d, %.1f s",
            embedded.subject.name, result.task, result.value, result.low, result.high,
            result.n_test, evaluation.seconds,
        )  # fmt: skip
    return sorted(evaluations, key=lambda evaluation: evaluation.task.name)


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
    if subject == "teacher":
        spec = parse_teacher(exec_properties[TEACHER_SPEC_KEY])
        trained = input_dict.get(TEACHER_KEY)
        trained_uri = artifact_utils.get_single_uri(trained) if trained else None
        return [teacher_subject(spec, trained_uri, settings.workers)], settings.front_end
    return [logmel_subject(settings.workers)], settings.front_end


def _sort_out(embedded: Sequence[Embeddings]) -> tuple[list[Embeddings], dict[str, str]]:
    """Separates embeddings that can be judged from a student's variants that cannot.

    A vector that is not finite would spoil every probe it enters. Leaving its clip out would measure
    variants on different clips, so the variant is refused as a whole, and the others go on.

    Raises:
      ValueError: If the teacher or a baseline, without whom nothing can be judged, is the one.
    """
    sound, refused = [], {}
    for one in embedded:
        if not one.broken:
            sound.append(one)
            continue
        named = ", ".join(one.broken[:_CLIPS_NAMED])
        more = f" and {len(one.broken) - _CLIPS_NAMED} more" if len(one.broken) > _CLIPS_NAMED else ""
        reason = f"its embedding is not finite on {named}{more}"
        if one.subject.kind != "student":
            raise ValueError(f"{one.subject.model} cannot be evaluated: {reason}")
        _LOG.error("%s/%s is refused: %s", one.subject.model, one.subject.variant, reason)
        refused[one.subject.variant] = reason
    return sound, refused


def _result(embedded: Embeddings, evaluations: Sequence[TaskEvaluation]) -> NossModelResult:
    results = [evaluation.result for evaluation in evaluations]
    low, high = mean_interval([evaluation.samples for evaluation in evaluations])
    subject, matrix = embedded.subject, embedded.matrix
    return NossModelResult(
        model=subject.model,
        kind=subject.kind,
        variant=subject.variant,
        sha256=subject.sha256,
        embedding_dim=matrix.shape[1],
        tasks=results,
        mean=sum(result.value for result in results) / len(results),
        mean_low=low,
        mean_high=high,
        clips=len(matrix),
        windows=embedded.windows,
        embed_seconds=embedded.seconds,
    )


def _protocol(settings: NossEvaluatorSettings) -> str:
    grid = ", ".join(f"{c:g}" for c in settings.strict.c_grid)
    return (
        "strict: standardised on train; multinomial logistic regression (L2) fitted on train; "
        f"C of {{{grid}}} by accuracy on validation, within a standard error by log loss; "
        f"test read once; 95 % percentile bootstrap of {settings.resamples} resamples, "
        "by speaker where 4 or more are known"
    )
