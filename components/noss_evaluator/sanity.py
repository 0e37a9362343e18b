"""What knows nothing must score at chance: the protocol's check of itself.

Two models that know nothing go through the whole strict protocol, draws and folds included:

- a random embedding: numbers drawn for each sound, whatever the sound is;
- shuffled labels: log-mel statistics, with the labels of all clips of a task permuted. Test labels are
  permuted too: clips of a speaker resemble each other and share labels, so that against true labels even
  an honest probe is now and then far from chance, by accident.

Each is repeated with fresh numbers and the mean is judged: a leak pushes every repetition the same way,
luck does not. Above the limit, an honest protocol comes once in a million checks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from scipy.stats import binom, norm
from threadpoolctl import threadpool_limits

from components.noss_evaluator.intervals import task_generator
from components.noss_evaluator.metrics import Answers, Values, measure, to_score
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import NossTask, TaskEvaluation, class_indices
from schemas.noss_reports import SanityCheck

FALSE_ALARMS = 1e-6
_RANDOM_EMBEDDINGS = 20
_RANDOM_DIM = 32
_SHUFFLES = 5
_PERMUTATIONS = 200

Kind = Literal["random embedding", "shuffled labels"]


def check_protocol(
    tasks: Sequence[NossTask], embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> list[SanityCheck]:
    """Measures random embeddings, and real ones with shuffled labels, on every task.

    Args:
      tasks: The tasks.
      embeddings: float32 ``(sounds, dim)`` of log-mel statistics.
      settings: Of the protocol that is checked, and how many threads may check.
      seed: Of the random numbers.

    Returns:
      Two checks a task; one that did not pass tells of a leak.
    """
    settings = settings.model_copy(update={"resamples": 100})

    def check(kind: Kind, task: NossTask) -> SanityCheck:
        made = _random_embeddings if kind == "random embedding" else _shuffled_labels
        return judge(
            kind,
            [
                evaluate_task(ignorant, vectors, settings, seed + repetition)
                for repetition, (ignorant, vectors) in enumerate(made(task, embeddings, seed))
            ],
            seed,
        )

    kinds: list[Kind] = ["random embedding", "shuffled labels"]
    pairs = [(kind, task) for kind in kinds for task in tasks]
    with threadpool_limits(limits=1), ThreadPoolExecutor(settings.workers) as pool:
        return list(pool.map(lambda pair: check(*pair), pairs))


def judge(kind: Kind, evaluations: Sequence[TaskEvaluation], seed: int) -> SanityCheck:
    """Whether the mean score of independent evaluations of one task could be chance.

    Accuracy: the number of right answers is at most binomial, with the share of the most frequent class.
    Draws on the same clips may agree and count once; folds of different size count as many clips as folds
    of one size whose mean has the same deviation. The other metrics: mean and deviation of the same answers
    under permuted labels, taken as normal.
    """
    first = evaluations[0].task
    sizes = [len({clip.sound for clip in run.tested}) for run in evaluations[0].probes]
    n = int(len(sizes) ** 2 / sum(1 / size for size in sizes) * len(evaluations))
    chance = float(np.mean([to_score(first.metric, each.result.chance) for each in evaluations]))
    if first.metric == "accuracy":
        limit = float(binom.isf(FALSE_ALARMS, n, chance)) / n
    else:
        generator = task_generator(seed, first.name)
        permuted = np.stack([_permuted_scores(each, generator) for each in evaluations])
        deviation = np.sqrt((permuted.std(axis=1) ** 2).sum()) / len(evaluations)
        limit = max(chance, float(permuted.mean())) + float(norm.isf(FALSE_ALARMS) * deviation)
    value = float(np.mean([each.result.score for each in evaluations]))
    return SanityCheck(
        check=kind, task=first.name, value=value, chance=chance, limit=limit, passed=value <= limit
    )


def _random_embeddings(task: NossTask, embeddings: Matrix, seed: int) -> Iterator[tuple[NossTask, Matrix]]:
    generator = task_generator(seed, f"random {task.name}")
    for _ in range(_RANDOM_EMBEDDINGS):
        yield task, generator.standard_normal((len(embeddings), _RANDOM_DIM), np.float32)


def _shuffled_labels(task: NossTask, embeddings: Matrix, seed: int) -> Iterator[tuple[NossTask, Matrix]]:
    generator = task_generator(seed, f"shuffled {task.name}")
    for _ in range(_SHUFFLES):
        labels = generator.permutation([clip.label for clip in task.clips])
        clips = tuple(
            dataclasses.replace(clip, label=str(label))
            for clip, label in zip(task.clips, labels, strict=True)
        )
        yield dataclasses.replace(task, clips=clips), embeddings


def _permuted_scores(evaluation: TaskEvaluation, generator: np.random.Generator) -> Values:
    """Mean scores over folds ``(permutations,)`` of an evaluation's answers against permuted labels."""
    task = evaluation.task
    ends = np.cumsum([len(run.tested) for run in evaluation.probes])
    scores = []
    for run, probabilities in zip(
        evaluation.probes, np.split(evaluation.probabilities, ends[:-1]), strict=True
    ):
        truth = class_indices(task.classes, run.tested)
        permuted = [
            Answers(generator.permutation(truth), probabilities, task.positive) for _ in range(_PERMUTATIONS)
        ]
        scores.append([to_score(task.metric, measure(task.metric, answers)) for answers in permuted])
    return np.asarray(np.nanmean(scores, axis=0))
