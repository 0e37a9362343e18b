"""The benchmark for some models at once: embed, probe, compare, write. All who evaluate come through here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from components.noss_evaluator.baselines import baseline_under_test
from components.noss_evaluator.clips import read_clips
from components.noss_evaluator.deciding import known_from, marked, shown_only
from components.noss_evaluator.embedding import Embeddings, embed
from components.noss_evaluator.feature_store import store_folder
from components.noss_evaluator.features import ClipFeatures
from components.noss_evaluator.fidelity import TeacherEmbeddings, measure_fidelity
from components.noss_evaluator.intervals import mean_interval
from components.noss_evaluator.models_under_test import TEACHER, ModelUnderTest
from components.noss_evaluator.paper import evaluate_by_paper
from components.noss_evaluator.protocol import describe_protocol
from components.noss_evaluator.robustness import choose_clips, disturbed_clips, measure_robustness
from components.noss_evaluator.sanity import check_protocol
from components.noss_evaluator.settings import Baseline, NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import NossTask, TaskEvaluation, gather_tasks, write_predictions
from components.noss_evaluator.tfma_evaluation import read_predictions, write_tfma_evaluation
from schemas.noss_reports import NossModelResult, NossReport, RobustnessResult
from schemas.noss_task_sets import NossTaskSet
from schemas.students import FrontEndSpec

# What a task is saturated by, and what the teacher is joined with.
FLOOR: Baseline = "logmel"
_CLIPS_NAMED = 5
_LOG = logging.getLogger("tinytrill.noss_evaluator")


@dataclass(frozen=True)
class Benchmark:
    """What every model is asked, and by which rules.

    Attributes:
      examples: Uri of the Examples artifact.
      settings: How to embed, probe and report.
      seed: Of the splits and of the bootstrap.
      scratch: Folder where log-mels are kept for other models; empty: they are not kept.
      code: Digest of the benchmark's code.
    """

    examples: str
    settings: NossEvaluatorSettings
    seed: int
    scratch: str = ""
    code: str = ""

    def clip_features(self, front_end: FrontEndSpec) -> ClipFeatures:
        """All sounds, cut for a front end."""
        hop = self.settings.hop_samples
        return ClipFeatures(
            lambda: read_clips(self.examples), front_end, hop, self.settings.batch_windows,
            self._store(front_end), self.examples,
        )  # fmt: skip

    def corrupted(self, front_end: FrontEndSpec, chosen: frozenset[str]) -> ClipFeatures:
        """The chosen clips, once for each corruption of the settings."""
        robustness = self.settings.robustness
        changes = " ".join([robustness.to_parameter(), *sorted(chosen)])
        return ClipFeatures(
            lambda: disturbed_clips(read_clips(self.examples), chosen, robustness.corruptions),
            front_end, self.settings.hop_samples, self.settings.batch_windows,
            self._store(front_end, changes),
        )  # fmt: skip

    def _store(self, front_end: FrontEndSpec, changes: str = "") -> Path | None:
        if not self.scratch:
            return None
        hop = self.settings.hop_samples
        return store_folder(self.scratch, self.examples, front_end, hop, self.code, changes)


@dataclass(frozen=True)
class _Model:
    """One model that could be judged."""

    embedded: Embeddings
    evaluations: list[TaskEvaluation]
    shown_only: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.embedded.under_test.name

    @property
    def deciding(self) -> list[TaskEvaluation]:
        return [one for one in self.evaluations if one.task.name not in self.shown_only]

    @property
    def mean(self) -> float:
        return float(np.mean([evaluation.result.score for evaluation in self.deciding]))


def evaluate(
    benchmark: Benchmark,
    under_test: Sequence[ModelUnderTest],
    front_end: FrontEndSpec,
    folder: Path,
    teacher_report: str = "",
    check: bool = False,
) -> NossReport:
    """Evaluates models of one front end, and writes everything about them.

    Args:
      benchmark: What is asked.
      under_test: The models; none gives an empty report, and nothing is read.
      front_end: Theirs.
      folder: Where the report and what belongs to it are written.
      teacher_report: Folder of the teacher's report, to compare students with; empty: there is none.
      check: Also check that the protocol gives chance to what knows nothing.

    Returns:
      The report, as it was written. A failed check is in it; the caller decides what follows.

    Raises:
      ValueError: If a model cannot be judged without which nothing can be: see :func:`sort_out`.
    """
    settings = benchmark.settings
    protocol = describe_protocol(settings, benchmark.seed)
    if not under_test:
        report = NossReport(protocol=protocol, results=[])
        report.save(folder)
        return report
    clip_features = benchmark.clip_features(front_end)
    with_floor = any(one.kind == "teacher" for one in under_test) and FLOOR in settings.baselines
    floor = [baseline_under_test(FLOOR, settings.workers)] if with_floor else []
    judged, refused = sort_out(embed(clip_features, [*under_test, *floor], settings.workers))
    tasks = gather_tasks(clip_features.entries, NossTaskSet.load(benchmark.examples), settings)
    evaluated = [(one, evaluate_tasks(tasks, one, settings, benchmark.seed)) for one in judged]
    shown = _shown_only(evaluated, settings, teacher_report)
    models = [_Model(one, answers, shown) for one, answers in evaluated if one.under_test not in floor]
    best = max(models, key=lambda model: model.mean, default=None)
    if floor and best:
        joined = _joined(best.embedded, judged[-1])
        models.append(_Model(joined, evaluate_tasks(tasks, joined, settings, benchmark.seed), shown))
    teacher = _teacher_matrix(teacher_report, clip_features) if settings.fidelity else None
    said = _teacher_predictions(teacher_report) if settings.tfma.results != "off" else None
    results = []
    for model in models:
        result = _result(benchmark, model)
        changes: dict[str, Any] = {}
        if settings.paper == "all" or (settings.paper == "best" and model is best):
            matrix = model.embedded.matrix
            changes["paper"] = [evaluate_by_paper(task, matrix, settings, benchmark.seed) for task in tasks]
        if teacher is not None and model.embedded.under_test.kind in ("student", "reference"):
            changes["fidelity"] = measure_fidelity(
                model.embedded.matrix, teacher, clip_features.entries, clip_features.sounds
            )
        if settings.robustness.corruptions and model is best:
            changes["robustness"] = _robustness(benchmark, front_end, model)
        results.append(result.model_copy(update=changes))
        _write(folder, model, results[-1])
        if settings.tfma.results == "all" or (settings.tfma.results == "best" and model is best):
            write_tfma_evaluation(
                folder / NossReport.TFMA / model.name,
                model.evaluations,
                settings.tfma,
                said,
            )
        if model.embedded.under_test.kind == "teacher" and settings.fidelity:
            digests = [sound.digest for sound in clip_features.sounds]
            TeacherEmbeddings(model.embedded.matrix, digests).save(folder)
    sanity = []
    if check:
        known = next((one for one in judged if one.under_test.kind == "baseline"), judged[0])
        sanity = check_protocol(tasks, known.matrix, settings, benchmark.seed)
    report = NossReport(protocol=protocol, results=results, refused=refused, sanity=sanity)
    report.save(folder)
    return report


def _shown_only(
    evaluated: Sequence[tuple[Embeddings, list[TaskEvaluation]]],
    settings: NossEvaluatorSettings,
    teacher_report: str,
) -> Mapping[str, str]:
    """Which tasks do not decide: as it was found with the teacher, if it was measured before."""
    if teacher_report:
        teacher = next(one for one in NossReport.load(teacher_report).results if one.kind == "teacher")
        return known_from(teacher)
    results = {one.under_test.model: [answer.result for answer in answers] for one, answers in evaluated}
    any_model = next(iter(results.values()), [])
    return shown_only(any_model, settings, results.get(FLOOR, ()))


def _joined(teacher: Embeddings, floor: Embeddings) -> Embeddings:
    """The teacher's embedding beside log-mel statistics, which a student's statistics skip hands it."""
    under_test = replace(
        teacher.under_test, model=f"{TEACHER}-with-{FLOOR}", kind="reference", variant="", networks=()
    )
    return Embeddings(
        under_test,
        [np.concatenate([teacher.matrix, floor.matrix], axis=1)],
        windows=teacher.windows,
        seconds=teacher.seconds + floor.seconds,
    )


def evaluate_tasks(
    tasks: Sequence[NossTask], embedded: Embeddings, settings: NossEvaluatorSettings, seed: int
) -> list[TaskEvaluation]:
    """All tasks of one model, in parallel threads with one BLAS thread each.

    Returns:
      Evaluations in the order of the tasks.
    """
    matrix = embedded.matrix
    # The longest first, so that no thread is left alone with it at the end.
    by_cost = sorted(tasks, key=lambda task: -len(task.clips) * len(task.classes))
    with threadpool_limits(limits=1), ThreadPoolExecutor(settings.workers) as pool:
        evaluations = list(pool.map(lambda task: evaluate_task(task, matrix, settings, seed), by_cost))
    for evaluation in evaluations:
        result = evaluation.result
        _LOG.info(
            "%s %s: %.3f [%.3f, %.3f], n %d, %.1f s",
            embedded.under_test.name, result.task, result.value, result.low, result.high,
            result.n_test, evaluation.seconds,
        )  # fmt: skip
    return sorted(evaluations, key=lambda evaluation: evaluation.task.name)


def sort_out(embedded: Sequence[Embeddings]) -> tuple[list[Embeddings], dict[str, str]]:
    """Separates embeddings that can be judged from a student's variants that cannot.

    A vector that is not finite would spoil every probe it enters. Leaving its clip out would measure
    variants on different clips, so the variant is refused as a whole, and the others go on.

    Raises:
      ValueError: If another model than a student's variant is the one.
    """
    judged, refused = [], {}
    for one in embedded:
        if not one.broken:
            judged.append(one)
            continue
        reason = _not_finite(one.broken)
        if one.under_test.kind != "student":
            raise ValueError(f"{one.under_test.model} cannot be evaluated: {reason}")
        _LOG.error("%s/%s is refused: %s", one.under_test.model, one.under_test.variant, reason)
        refused[one.under_test.variant] = reason
    return judged, refused


def _not_finite(clip_ids: Sequence[str]) -> str:
    named = ", ".join(clip_ids[:_CLIPS_NAMED])
    more = f" and {len(clip_ids) - _CLIPS_NAMED} more" if len(clip_ids) > _CLIPS_NAMED else ""
    return f"its embedding is not finite on {named}{more}"


def _teacher_matrix(teacher_report: str, clip_features: ClipFeatures) -> np.ndarray[Any, Any] | None:
    if not teacher_report:
        return None
    return TeacherEmbeddings.load(teacher_report).in_order_of(clip_features.sounds)


def _teacher_predictions(teacher_report: str) -> dict[str, str] | None:
    return (
        read_predictions(Path(teacher_report) / NossReport.PREDICTIONS / TEACHER) if teacher_report else None
    )


def _robustness(benchmark: Benchmark, front_end: FrontEndSpec, model: _Model) -> list[RobustnessResult]:
    robustness, workers = benchmark.settings.robustness, benchmark.settings.workers
    chosen = {each.task.name: choose_clips(each, robustness.max_clips) for each in model.evaluations}
    clip_ids = frozenset(clip.clip_id for clips in chosen.values() for clip in clips)
    clip_features = benchmark.corrupted(front_end, clip_ids)
    (corrupted,) = embed(clip_features, [model.embedded.under_test], workers)
    if corrupted.broken:
        _LOG.error("robustness of %s is not measured: %s", model.name, _not_finite(corrupted.broken))
        return []
    rows = {entry.clip_id: entry.sound for entry in clip_features.entries}
    return measure_robustness(
        model.evaluations, chosen, model.embedded.matrix, corrupted.matrix, rows, robustness.corruptions
    )


def _result(benchmark: Benchmark, model: _Model) -> NossModelResult:
    low, high = mean_interval([evaluation.samples for evaluation in model.deciding])
    under_test, matrix = model.embedded.under_test, model.embedded.matrix
    results = marked([evaluation.result for evaluation in model.evaluations], model.shown_only)
    return NossModelResult(
        model=under_test.model,
        kind=under_test.kind,
        variant=under_test.variant,
        sha256=under_test.sha256,
        embedding_dim=matrix.shape[1],
        tasks=results,
        mean=model.mean,
        mean_low=min(low, model.mean),
        mean_high=max(high, model.mean),
        mean_d_prime=float(np.mean([result.d_prime for result in results if not result.shown_only])),
        clips=len(matrix),
        windows=model.embedded.windows,
        embed_seconds=model.embedded.seconds,
        code_version=benchmark.code,
        licence=under_test.licence,
    )


def _write(folder: Path, model: _Model, result: NossModelResult) -> None:
    """One model's figures, what they were drawn from, and the predictions behind them."""
    result.write(folder / NossReport.RESULTS, f"{model.name}.json")
    (folder / NossReport.SAMPLES).mkdir(exist_ok=True)
    np.savez(
        folder / NossReport.SAMPLES / f"{model.name}.npz",
        tasks=np.array([each.task.name for each in model.evaluations]),
        scores=np.stack([each.samples for each in model.evaluations]).astype(np.float32),
    )
    for evaluation in model.evaluations:
        write_predictions(folder / NossReport.PREDICTIONS / model.name, evaluation)
