"""One model on one task: choose the probe, read the test split once, say how sure that is."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.noss_evaluator.clips import SPLITS, Entry
from components.noss_evaluator.intervals import (
    Samples,
    bootstrap_accuracy,
    clusters_of,
    interval_95,
    speakers_known,
    task_generator,
)
from components.noss_evaluator.probe import fit_probe
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.noss_reports import TaskResult

PREDICTION_FIELDS = ("clip_id", "speaker_id", "label", "predicted", "probability")


@dataclass(frozen=True)
class NossTask:
    """A task's clips by split, in the order of their ids.

    Attributes:
      name: Name of the task.
      classes: All labels of all splits, sorted.
      splits: Clips by split.
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[Entry, ...]]

    def sounds(self, split: str) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Rows of the embedding matrix that a split uses."""
        return np.array([entry.sound for entry in self.splits[split]])

    def labels(self, split: str) -> np.ndarray[Any, np.dtype[np.str_]]:
        """Labels of a split."""
        return np.array([entry.label for entry in self.splits[split]])


@dataclass(frozen=True)
class TaskEvaluation:
    """A task's result and what it rests on.

    Attributes:
      task: The task.
      result: The figures.
      probabilities: float32 ``(n_test, classes)``.
      predicted: Index of the predicted class of each test clip.
      resampled: Bootstrapped accuracies.
      seconds: Time of the probe, all C together.
    """

    task: NossTask
    result: TaskResult
    probabilities: np.ndarray[Any, np.dtype[np.float32]]
    predicted: np.ndarray[Any, np.dtype[np.intp]]
    resampled: Samples
    seconds: float


def gather_tasks(entries: Sequence[Entry], required: Sequence[str]) -> list[NossTask]:
    """Groups clips into tasks, sorted by name.

    Raises:
      ValueError: If a required task is absent, a split is empty, or train has a single class.
    """
    names = sorted({entry.task for entry in entries})
    absent = sorted(set(required) - set(names))
    if absent:
        raise ValueError(f"require_tasks asks for {absent}, the records hold {names}")
    tasks = []
    for name in names:
        own = sorted((entry for entry in entries if entry.task == name), key=lambda entry: entry.clip_id)
        splits = {split: tuple(entry for entry in own if entry.split == split) for split in SPLITS}
        for split, clips in splits.items():
            if not clips:
                raise ValueError(f"task {name!r} has no clip in split {split!r}")
        seen = sorted({entry.label for entry in splits["train"]})
        if len(seen) < 2:
            raise ValueError(f"task {name!r} has the single class {seen[0]!r} in train, a probe needs two")
        tasks.append(NossTask(name, tuple(sorted({entry.label for entry in own})), splits))
    return tasks


def evaluate_task(
    task: NossTask,
    embeddings: np.ndarray[Any, np.dtype[np.float32]],
    settings: NossEvaluatorSettings,
    seed: int,
) -> TaskEvaluation:
    """Chooses a probe on validation, then reads the test split once.

    Args:
      task: The task.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      settings: Grid and resamples.
      seed: Of the bootstrap.
    """
    start = time.perf_counter()
    probe = fit_probe(
        embeddings[task.sounds("train")], task.labels("train"),
        embeddings[task.sounds("validation")], task.labels("validation"),
        settings.strict.c_grid,
    )  # fmt: skip
    probabilities = probe.probabilities(embeddings[task.sounds("test")], task.classes)
    seconds = time.perf_counter() - start
    predicted = probabilities.argmax(axis=1)
    truth = np.searchsorted(task.classes, task.labels("test"))
    correct = predicted == truth
    speakers = [entry.speaker_id for entry in task.splits["test"]]
    resampled = bootstrap_accuracy(
        correct, clusters_of(speakers), settings.resamples, task_generator(seed, task.name)
    )
    low, high = interval_95(resampled)
    result = TaskResult(
        task=task.name,
        value=float(correct.mean()),
        low=low,
        high=high,
        validation=probe.validation,
        chance=float(np.bincount(truth).max() / len(truth)),
        score=float(correct.mean()),
        n_train=len(task.splits["train"]),
        n_validation=len(task.splits["validation"]),
        n_test=len(truth),
        n_classes=len(task.classes),
        n_speakers_test=speakers_known(speakers),
        synthetic=settings.synthetic,
    )
    return TaskEvaluation(task, result, probabilities, predicted, resampled, seconds)


def write_predictions(folder: Path, evaluation: TaskEvaluation) -> None:
    """Writes what was predicted for each test clip as ``folder/<task>.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    task = evaluation.task
    with (folder / f"{task.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PREDICTION_FIELDS)
        rows = zip(task.splits["test"], evaluation.predicted, evaluation.probabilities, strict=True)
        for entry, index, row in rows:
            predicted = task.classes[index]
            writer.writerow([entry.clip_id, entry.speaker_id, entry.label, predicted, f"{row[index]:.6f}"])
