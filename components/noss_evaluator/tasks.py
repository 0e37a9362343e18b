"""The tasks that are asked of every model, and what asking one gives."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.common.statistics.bootstrap import Samples
from components.noss_evaluator.clips import SPLITS, Entry
from components.noss_evaluator.metrics import Answers, measure, to_score
from components.noss_evaluator.probes.fitted import FittedProbe
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.noss_reports import ProbeRun, TaskResult
from schemas.noss_task_sets import IngestedTask, NossTaskSet
from schemas.noss_tasks import Metric
from schemas.plain_text import csv_cell

PREDICTION_FIELDS = ("clip_id", "speaker_id", "label", "predicted", "probability")


@dataclass(frozen=True)
class NossTask:
    """A task's clips, in the order of their ids.

    Attributes:
      ingested: The task as it was taken in, with its record.
      metric: The metric that counts.
      classes: All labels of all clips, sorted.
      clips: All clips.
      corpus: The first of the tasks that share sounds with it: speakers of one name in them are one person.
    """

    ingested: IngestedTask
    metric: Metric
    classes: tuple[str, ...]
    clips: tuple[Entry, ...]
    corpus: str = ""

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.ingested.record.name

    @property
    def positive(self) -> int | None:
        """Index of the positive label among the classes; None: the record names none."""
        label = self.ingested.record.positive_label
        return self.classes.index(label) if label in self.classes else None

    @cached_property
    def splits(self) -> dict[str, tuple[Entry, ...]]:
        """Clips by the split they were given."""
        return {split: tuple(clip for clip in self.clips if clip.split == split) for split in SPLITS}


@dataclass(frozen=True)
class FittedRun:
    """A probe and the test clips that it answers for.

    Attributes:
      task: The task.
      run: Which split seed and fold, and what came out.
      probe: The chosen probe, fitted on train.
      tested: The test clips of this run.
    """

    task: NossTask
    run: ProbeRun
    probe: FittedProbe
    tested: tuple[Entry, ...]

    def score(self, embeddings: Matrix) -> float:
        """The task's score on other embeddings ``(n_tested, dim)`` of the same test clips."""
        truth = class_indices(self.task.classes, self.tested)
        answers = Answers(truth, self.probe.probabilities(embeddings), self.task.positive)
        return float(to_score(self.task.metric, measure(self.task.metric, answers)))


@dataclass(frozen=True)
class TaskEvaluation:
    """A task's result and what it rests on.

    Attributes:
      task: The task.
      result: The figures.
      tested: Each tested clip once, as the runs of seed 0 tested them.
      probabilities: float32 ``(n_tested, classes)``.
      predicted: Index of the predicted class of each tested clip.
      samples: Bootstrapped scores ``(resamples,)``. The draws depend on the clips and the seed only, so
        that the samples of two models are paired.
      probes: The runs of seed 0.
      seconds: Time of all probes.
    """

    task: NossTask
    result: TaskResult
    tested: tuple[Entry, ...]
    probabilities: Matrix
    predicted: np.ndarray[Any, np.dtype[np.intp]]
    samples: Samples
    probes: list[FittedRun]
    seconds: float


def gather_tasks(
    entries: Sequence[Entry], task_set: NossTaskSet, settings: NossEvaluatorSettings
) -> list[NossTask]:
    """Groups clips into tasks, sorted by name.

    Raises:
      ValueError: If a required task or a task's record is absent, a split is empty, train has a single
        class, or the metric does not go with the task.
    """
    ingested = {task.record.name: task for task in task_set.tasks}
    names = sorted({entry.task for entry in entries})
    absent = sorted(set(settings.require_tasks) - set(names))
    if absent:
        raise ValueError(f"require_tasks asks for {absent}, the records hold {names}")
    unknown = sorted(set(names) - set(ingested))
    if unknown:
        raise ValueError(f"the records hold {unknown}, {NossTaskSet.FILE} describes {sorted(ingested)}")
    tasks = []
    corpora = _corpora(entries)
    for name in names:
        own = sorted((entry for entry in entries if entry.task == name), key=lambda entry: entry.clip_id)
        task = NossTask(
            ingested=ingested[name],
            metric=settings.metrics.get(name, ingested[name].record.metric),
            classes=tuple(sorted({entry.label for entry in own})),
            clips=tuple(own),
            corpus=corpora[name],
        )
        if task.metric == "equal_error_rate" and (len(task.classes) != 2 or task.positive is None):
            raise ValueError(
                f"task {name!r}: metric equal_error_rate needs two classes and positive_label, one of them; "
                f"there are {len(task.classes)} classes, and positive_label is "
                f"{task.ingested.record.positive_label!r}"
            )
        for split, clips in task.splits.items():
            if not clips and task.ingested.record.split.rule != "folds":
                raise ValueError(f"task {name!r} has no clip in split {split!r}")
        seen = sorted({entry.label for entry in task.splits["train"]})
        if len(seen) == 1:
            raise ValueError(f"task {name!r} has the single class {seen[0]!r} in train, a probe needs two")
        tasks.append(task)
    return tasks


def _corpora(entries: Sequence[Entry]) -> dict[str, str]:
    """For each task the first, by name, of those that it is connected with by common sounds."""
    tasks = sorted({entry.task for entry in entries})
    number = {task: index for index, task in enumerate(tasks)}
    pairs = {(number[entry.task], len(tasks) + entry.sound) for entry in entries}
    rows, columns = np.array(sorted(pairs)).T
    size = int(columns.max()) + 1
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    return {task: first.setdefault(int(component[number[task]]), task) for task in tasks}


def sounds_of(clips: Sequence[Entry]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Rows of the embedding matrix that clips use, ``(n,)``."""
    return np.array([clip.sound for clip in clips], np.intp)


def labels_of(clips: Sequence[Entry]) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Labels of clips, ``(n,)``."""
    return np.array([clip.label for clip in clips])


def class_indices(classes: Sequence[str], clips: Sequence[Entry]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Index of each clip's label among sorted classes, ``(n,)``."""
    return np.searchsorted(np.array(classes), labels_of(clips))


def write_predictions(folder: Path, evaluation: TaskEvaluation) -> None:
    """Writes what was predicted for each tested clip as ``folder/<task>.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    task = evaluation.task
    with (folder / f"{task.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PREDICTION_FIELDS)
        rows = zip(evaluation.tested, evaluation.predicted, evaluation.probabilities, strict=True)
        for entry, index, row in rows:
            predicted = task.classes[index]
            words = (entry.clip_id, entry.speaker_id, entry.label, predicted)
            writer.writerow([*map(csv_cell, words), f"{row[index]:.6f}"])
