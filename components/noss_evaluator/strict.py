"""The protocol that decides: the probe is chosen on validation, and test is read once.

Several split seeds and folds (:mod:`folds`) each give a run; a task's value is the mean of its runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from components.common.statistics.bootstrap import Samples
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.folds import Part, parts_of, speaker_is_asked
from components.noss_evaluator.intervals import (
    Indices,
    are_by_speaker,
    clusters_of,
    draw_clusters,
    draw_speakers,
    score_interval,
    speakers_known,
    task_generator,
    widened,
)
from components.noss_evaluator.metrics import (
    Answers,
    chance,
    d_prime,
    defined_metrics,
    guarded_auc,
    measure,
    resample,
    to_score,
)
from components.noss_evaluator.probes.fitted import FittedProbe, fit_probe
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings, StrictProtocol
from components.noss_evaluator.tasks import FittedRun, NossTask, TaskEvaluation, class_indices, sounds_of
from schemas.noss_reports import ProbeRun, TaskResult


@dataclass(frozen=True)
class Run:
    """A part, its probe, and what that said about the test clips.

    Attributes:
      part: What the probe saw.
      probe: Fitted on train, chosen on validation.
      answers: About the test clips of the part, in their order.
    """

    part: Part
    probe: FittedProbe
    answers: Answers

    def fitted(self, task: NossTask) -> FittedRun:
        """With the task, to be asked again."""
        return FittedRun(task, self.report(task), self.probe, self.part.test)

    def report(self, task: NossTask) -> ProbeRun:
        """The run's figures."""
        return ProbeRun(
            seed=self.part.seed,
            fold=self.part.fold,
            probe=self.probe.candidate.kind,
            parameter=self.probe.candidate.parameter,
            left_out=list(self.probe.left_out),
            validation=self.probe.validation,
            value=measure(task.metric, self.answers),
            n_train=len(self.part.train),
            n_validation=len(self.part.validation),
            n_test=len(self.part.test),
        )


def evaluate_task(
    task: NossTask, embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> TaskEvaluation:
    """Measures a task.

    Args:
      task: The task.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      settings: Probes, seeds, folds and resamples.
      seed: Of the splits and of the bootstrap.

    Raises:
      ValueError: If the metric is not defined on the test clips, as AUC where they have one class.
    """
    start = time.perf_counter()
    runs = [
        run_part(task, part, embeddings, settings.strict) for part in parts_of(task, settings.strict, seed)
    ]
    return summarise(task, runs, settings.resamples, seed, time.perf_counter() - start)


def summarise(
    task: NossTask, runs: Sequence[Run], resamples: int, seed: int, seconds: float = 0.0
) -> TaskEvaluation:
    """The figures of a task's runs, with their intervals.

    Args:
      task: The task.
      runs: Of its parts.
      resamples: Of the bootstrap.
      seed: Of the bootstrap.
      seconds: What the probes took.

    Raises:
      ValueError: If the metric is not defined on the test clips, as AUC where they have one class.
    """
    first = [run for run in runs if run.part.seed == 0]
    tested = tuple(clip for run in first for clip in run.part.test)
    samples = _bootstrap(task, runs, tested, resamples, seed)
    probabilities = np.concatenate([run.answers.probabilities for run in first])
    return TaskEvaluation(
        task=task,
        result=_result(task, runs, tested, samples),
        tested=tested,
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        samples=samples,
        probes=[run.fitted(task) for run in first],
        seconds=seconds,
    )


def run_part(task: NossTask, part: Part, embeddings: Matrix, strict: StrictProtocol) -> Run:
    """Fits a part's probe and asks it about the test clips once."""
    probe = fit_part(task, part, embeddings, strict)
    probabilities = probe.probabilities(embeddings[sounds_of(part.test)])
    return Run(part, probe, Answers(class_indices(task.classes, part.test), probabilities, task.positive))


def fit_part(task: NossTask, part: Part, embeddings: Matrix, strict: StrictProtocol) -> FittedProbe:
    """The probe of a part: fitted on train, chosen on validation.

    Args:
      task: The task.
      part: Its test clips are not looked at.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      strict: Kinds of probe and their grids.
    """
    by_speaker = strict.speaker_normalisation == "train" and not speaker_is_asked(task)
    return fit_probe(
        embeddings[sounds_of(part.train)],
        class_indices(task.classes, part.train),
        embeddings[sounds_of(part.validation)],
        class_indices(task.classes, part.validation),
        classes=len(task.classes),
        metric=task.metric,
        strict=strict,
        positive=task.positive,
        train_speakers=[clip.speaker_id for clip in part.train] if by_speaker else None,
    )


def _bootstrap(
    task: NossTask, runs: Sequence[Run], tested: Sequence[Entry], resamples: int, seed: int
) -> Samples:
    """Scores of resampled test clips ``(resamples,)``, widened: each drawn set is put to all runs.

    The draws depend on clips, seed and task only. So does whether a run lacks what the metric compares:
    such a run is left out of a draw's mean, and a draw without any run repeats one that has some.
    """
    clusters = clusters_of(tested)
    cluster_of = {clip.clip_id: cluster for clip, cluster in zip(tested, clusters, strict=True)}
    of_runs: list[Indices] = [np.array([cluster_of[clip.clip_id] for clip in run.part.test]) for run in runs]
    count = int(clusters.max()) + 1
    if are_by_speaker(tested):
        draws = draw_speakers(tested, clusters, resamples, seed, task.corpus or task.name)
    else:
        draws = draw_clusters(count, resamples, task_generator(seed, task.name))
    portions = []
    for drawn in draws:
        values = [
            resample(task.metric, run.answers, own, drawn) for run, own in zip(runs, of_runs, strict=True)
        ]
        portions.append(_mean_of_defined(np.stack(values)))
    samples = np.concatenate(portions)
    defined = np.isfinite(samples)
    if defined.any():
        samples[~defined] = np.resize(samples[defined], int((~defined).sum()))
    return widened(to_score(task.metric, samples), count)


def _mean_of_defined(values: Samples) -> Samples:
    """Mean over runs ``(runs, ...)`` of those that are finite; nan where none is."""
    there = np.isfinite(values)
    total, count = np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0)
    mean: Samples = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean


def _result(task: NossTask, runs: Sequence[Run], tested: Sequence[Entry], samples: Samples) -> TaskResult:
    reports = [run.report(task) for run in runs]

    def mean(values: Iterable[float]) -> float:
        return float(_mean_of_defined(np.array(list(values))))

    value = mean(run.value for run in reports)
    if not np.isfinite(value):
        raise ValueError(f"task {task.name!r}: {task.metric} is not defined on its test clips")
    low, high = sorted(to_score(task.metric, end) for end in score_interval(samples))
    ingested = task.ingested
    return TaskResult(
        task=task.name,
        task_version=ingested.record.version,
        task_digest=ingested.digest,
        data_digest=ingested.data_digest,
        metric=task.metric,
        value=value,
        low=min(low, value),
        high=max(high, value),
        score=to_score(task.metric, value),
        metrics={
            metric: mean(measure(metric, run.answers) for run in runs)
            for metric in defined_metrics(runs[0].answers)
        },
        d_prime=d_prime(mean(guarded_auc(run.answers) for run in runs)),
        validation=mean(run.validation for run in reports),
        chance=mean(chance(task.metric, run.answers.truth) for run in runs),
        runs=reports,
        n_train=reports[0].n_train,
        n_validation=reports[0].n_validation,
        n_test=len(tested),
        n_original=sum(ingested.n_original.values()),
        n_used=sum(ingested.n_used.values()),
        n_classes=len(task.classes),
        n_speakers_test=speakers_known(tested),
        synthetic=ingested.synthetic,
    )
