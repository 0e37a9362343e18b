"""The protocol that decides: the probe is chosen on validation, test is read once."""

from __future__ import annotations

import time

import numpy as np

from components.noss_evaluator.intervals import (
    bootstrap_accuracy,
    clusters_of,
    interval_95,
    speakers_known,
    task_generator,
)
from components.noss_evaluator.probe import fit_probe
from components.noss_evaluator.probes import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import (
    FittedRun,
    NossTask,
    TaskEvaluation,
    class_indices,
    labels_of,
    sounds_of,
)
from schemas.noss_reports import ProbeRun, TaskResult


def evaluate_task(
    task: NossTask, embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> TaskEvaluation:
    """Chooses a probe on validation, then reads the test split once.

    Args:
      task: The task.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      settings: Grids, seeds, folds and resamples.
      seed: Of the draws and of the bootstrap.
    """
    start = time.perf_counter()
    train, validation, test = (task.splits[split] for split in ("train", "validation", "test"))
    probe = fit_probe(
        embeddings[sounds_of(train)], labels_of(train),
        embeddings[sounds_of(validation)], labels_of(validation),
        settings.strict.c_grid,
    )  # fmt: skip
    probabilities = probe.probabilities(embeddings[sounds_of(test)], task.classes)
    seconds = time.perf_counter() - start
    predicted = probabilities.argmax(axis=1)
    truth = class_indices(task.classes, test)
    correct = predicted == truth
    value = float(correct.mean())
    run = ProbeRun(
        seed=0, fold="", probe="linear", parameter=probe.c, validation=probe.validation, value=value,
        n_train=len(train), n_validation=len(validation), n_test=len(test),
    )  # fmt: skip
    speakers = [entry.speaker_id for entry in test]
    samples = bootstrap_accuracy(
        correct, clusters_of(speakers), settings.resamples, task_generator(seed, task.name)
    )
    low, high = interval_95(samples)
    result = TaskResult(
        task=task.name,
        value=value,
        low=low,
        high=high,
        score=value,
        validation=probe.validation,
        chance=float(np.bincount(truth).max() / len(truth)),
        runs=[run],
        n_train=len(train),
        n_validation=len(validation),
        n_test=len(test),
        n_classes=len(task.classes),
        n_speakers_test=speakers_known(speakers),
        synthetic=task.ingested.synthetic,
    )
    return TaskEvaluation(
        task, result, test, probabilities, predicted, samples, [FittedRun(task, run, probe, test)], seconds
    )
