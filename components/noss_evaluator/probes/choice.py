"""Which probe answers for an embedding: the one that validation speaks for."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.noss_evaluator.metrics import Answers, measure, resample, to_score
from components.noss_evaluator.probes.candidate import Candidate
from components.noss_evaluator.probes.knn import fit_knn
from components.noss_evaluator.probes.lda import fit_lda
from components.noss_evaluator.probes.linear import fit_linear
from components.noss_evaluator.probes.mlp import fit_mlp
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import StrictProtocol
from schemas.noss_reports import ProbeKind
from schemas.noss_tasks import Metric

_LEAST_PROBABILITY = 1e-7
_RESAMPLES = 200
_LOG = logging.getLogger("tinytrill.noss_evaluator")

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Chosen:
    """The probe that was chosen, and what it made of validation in the task's metric."""

    candidate: Candidate
    validation: float


def fit_candidates(
    train: Matrix,
    labels: Indices,
    classes: int,
    validation: Matrix,
    kinds: Sequence[ProbeKind],
    strict: StrictProtocol,
) -> list[Candidate]:
    """Fits all probes on train, the simpler first.

    The order is linear by rising C, lda, mlp by rising C, kNN by falling neighbours.

    Args:
      train: Standardised, ``(n, dim)``.
      labels: Index of each clip's class, ``(n,)``.
      classes: How many there are.
      validation: Standardised, ``(m, dim)``.
      kinds: Which kinds.
      strict: The grids.
    """
    candidates: list[Candidate] = []
    if "linear" in kinds:
        candidates += fit_linear(train, labels, classes, validation, strict.c_grid)
    if "lda" in kinds:
        candidates += fit_lda(train, labels, classes, validation)
    if "mlp" in kinds:
        candidates += fit_mlp(train, labels, classes, validation, strict.c_grid, strict.hidden_units)
    if "knn" in kinds:
        candidates += fit_knn(train, labels, classes, validation, strict.neighbours)
    return candidates


def affordable(strict: StrictProtocol, clips: int, dim: int, classes: int) -> tuple[ProbeKind, ...]:
    """The kinds of probe to try: without the linear one where it would take hours."""
    cost = clips * dim * classes
    others = tuple(kind for kind in strict.probes if kind != "linear")
    if cost <= strict.linear_limit or "linear" not in strict.probes or not others:
        return strict.probes
    _LOG.warning(
        "the linear probe is left out: %d clips x %d dimensions x %d classes are %.1e, linear_limit is %.1e",
        clips, dim, classes, cost, strict.linear_limit,
    )  # fmt: skip
    return others


def choose(
    candidates: Sequence[Candidate], truth: Indices, metric: Metric, positive: int | None = None
) -> Chosen:
    """The candidate to keep, of candidates in the order of their simplicity.

    Metrics that differ by no more than a standard error of the best one are equal as far as validation
    can tell; of these the lowest log loss decides, and at the same log loss the simpler one. On a small
    validation split one clip more or less would otherwise move C by decades. Log loss alone would not do:
    it punishes certainty on new speakers, even where the answers are better.

    The probe stays the one that saw train only: after a refit on train and validation together, its
    parameter would belong to another problem.

    Args:
      candidates: Fitted on train.
      truth: Index of each validation clip's class.
      metric: The task's.
      positive: Index of the positive label's class.

    Raises:
      ValueError: If the metric is not defined on the validation clips.
    """
    answers = [Answers(truth, candidate.on_validation, positive) for candidate in candidates]
    values = [measure(metric, each) for each in answers]
    scores = to_score(metric, np.array(values))
    if not np.isfinite(scores).all():
        present = np.unique(truth).tolist()
        raise ValueError(f"{metric} is not defined on validation, which holds classes {present} only")
    best = int(scores.argmax())
    equals = np.flatnonzero(scores >= scores[best] - _standard_error(metric, answers[best]))
    kept = min(equals.tolist(), key=lambda index: log_loss(answers[index]))
    return Chosen(candidates[kept], values[kept])


def log_loss(answers: Answers) -> float:
    """Mean negative log probability of the labels; one that train did not have counts as the worst."""
    of_label = answers.probabilities[np.arange(len(answers.truth)), answers.truth]
    return float(-np.log(np.maximum(of_label, _LEAST_PROBABILITY)).mean(dtype=np.float64))


def _standard_error(metric: Metric, answers: Answers) -> float:
    """Of a metric on clips: binomial for accuracy, for others by bootstrap over clips."""
    n = len(answers.truth)
    if metric == "accuracy":
        value = measure(metric, answers)
        return math.sqrt(value * (1.0 - value) / n)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _RESAMPLES).astype(np.float64)
    return float(np.nanstd(resample(metric, answers, np.arange(n), drawn)))
