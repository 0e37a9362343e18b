"""Metrics of the tasks, on the clips as they are and on resamples of them.

All metrics are shares of 1. A resample is told by multiplicities: how often each cluster of clips (a
speaker, or a clip) was drawn. ``(resamples, clusters)`` of them go through every metric at once.

- accuracy: share of right answers.
- balanced accuracy: mean over classes of the share of their clips that were recognised (unweighted
  average recall); over the classes that the clips have.
- macro F1: mean over classes of 2 * right / (clips + answers); over the classes that the clips or the
  answers have.
- AUC: chance that a clip of a class is given more of that class than a clip of another, ties counting
  half. With a positive label: of that class. Otherwise: mean over the classes, each against the rest.
- equal error rate: where false alarms and misses cross, as the threshold on the positive label's
  probability moves. Both are step functions that seldom meet. Where they pass each other, they are taken as
  straight from one step to the next; the original benchmark took the nearest step instead, which jumps.

A metric of clips that lack what it compares (AUC of a single class, anything of no clip) is nan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import norm

from schemas.noss_tasks import METRICS, SMALLER_IS_BETTER, Metric

Indices = np.ndarray[Any, np.dtype[np.intp]]
Matrix = np.ndarray[Any, np.dtype[np.float32]]
Values = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Answers:
    """What a probe said about clips.

    Attributes:
      truth: Index of each clip's class, ``(n,)``.
      probabilities: ``(n, classes)``.
      positive: Index of the positive label's class; None: there is none.
    """

    truth: Indices
    probabilities: Matrix
    positive: int | None = None

    @property
    def predicted(self) -> Indices:
        """Index of the most probable class, ``(n,)``."""
        return self.probabilities.argmax(axis=1)


def measure(metric: Metric, answers: Answers) -> float:
    """A metric of the clips as they are."""
    each = np.arange(len(answers.truth))
    return float(resample(metric, answers, each, np.ones((1, len(each))))[0])


def resample(metric: Metric, answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    """A metric of resampled clips, ``(resamples,)``.

    Args:
      metric: Which.
      answers: Of the ``n`` clips.
      clusters: Cluster of each clip, ``(n,)``.
      multiplicities: How often each cluster was drawn, ``(resamples, clusters)``.
    """
    return _METRICS[metric](answers, clusters, multiplicities)


def defined_metrics(answers: Answers) -> list[Metric]:
    """The metrics that a task has: all, but the equal error rate of one without a positive label."""
    return [m for m in METRICS if m != "equal_error_rate" or answers.positive is not None]


def to_score(metric: Metric, value: Any) -> Any:
    """The more, the better: the value, or 1 - value of an error rate."""
    return 1.0 - value if metric in SMALLER_IS_BETTER else value


def chance(metric: Metric, truth: Indices) -> float:
    """The metric of the best constant answer."""
    counts = np.bincount(truth)
    classes, share = np.count_nonzero(counts), counts.max() / len(truth)
    # A constant answer recognises one class: all its clips are right, n * share of n answers.
    of_constant = {
        "accuracy": share,
        "balanced_accuracy": 1 / classes,
        "macro_f1": 2 * share / (1 + share) / classes,
    }
    return float(of_constant.get(metric, 0.5))


def guarded_auc(answers: Answers) -> float:
    """AUC with each class's kept half a pair of clips away from 0 and 1, so that d' stays finite.

    The pairs are those of a clip of the class and one of another: with none of them in the wrong order,
    half a one is assumed to be.
    """
    each = np.arange(len(answers.truth))
    aucs = []
    for index in _detected(answers):
        positive = answers.truth == index
        pairs = positive.sum() * (~positive).sum()
        if pairs:
            auc = _class_auc(answers, index, each, np.ones((1, len(each))))[0]
            aucs.append(np.clip(auc, 0.5 / pairs, 1 - 0.5 / pairs))
    return float(np.mean(aucs)) if aucs else float("nan")


def d_prime(auc: float) -> float:
    """Distance of two normal distributions of equal width, in widths, that have this AUC."""
    return float(np.sqrt(2) * norm.ppf(auc))


def _counts(answers: Answers, clusters: Indices, multiplicities: Values) -> tuple[Values, Values, Values]:
    """Right answers, clips and answers by class, each ``(resamples, classes)``."""
    classes = answers.probabilities.shape[1]
    predicted, n = answers.predicted, len(answers.truth)
    right = (predicted == answers.truth).astype(np.float64)
    columns = np.concatenate([answers.truth, answers.truth + classes, predicted + 2 * classes])
    values = np.concatenate([right, np.ones(2 * n)])
    shape = (multiplicities.shape[1], 3 * classes)
    by_cluster = sparse.csr_matrix((values, (np.tile(clusters, 3), columns)), shape)
    drawn = np.asarray((by_cluster.T @ multiplicities.T).T)
    return drawn[:, :classes], drawn[:, classes : 2 * classes], drawn[:, 2 * classes :]


def _accuracy(answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    right = np.bincount(clusters, answers.predicted == answers.truth, multiplicities.shape[1])
    clips = np.bincount(clusters, minlength=multiplicities.shape[1])
    return _divide(multiplicities @ right, multiplicities @ clips)


def _balanced_accuracy(answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    right, clips, _ = _counts(answers, clusters, multiplicities)
    return _mean_where(right, clips)


def _macro_f1(answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    right, clips, said = _counts(answers, clusters, multiplicities)
    return _mean_where(2 * right, clips + said)


def _auc(answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    aucs = [_class_auc(answers, index, clusters, multiplicities) for index in _detected(answers)]
    there = np.isfinite(aucs)
    return _divide(np.where(there, aucs, 0.0).sum(axis=0), there.sum(axis=0))


def _equal_error_rate(answers: Answers, clusters: Indices, multiplicities: Values) -> Values:
    if answers.positive is None:
        raise ValueError("the equal error rate needs a positive label")
    positive, negative = _by_score(answers, answers.positive, clusters, multiplicities)
    # Column t: the threshold lies above the t lowest scores.
    misses = _divide(_cumulative(positive), positive.sum(axis=1, keepdims=True))
    alarms = 1.0 - _divide(_cumulative(negative), negative.sum(axis=1, keepdims=True))
    above = np.argmax(misses >= alarms, axis=1)
    rows = np.arange(len(above))
    gap_before = (misses - alarms)[rows, above - 1]
    gap_after = (misses - alarms)[rows, above]
    part = _divide(-gap_before, gap_after - gap_before)
    return (1 - part) * misses[rows, above - 1] + part * misses[rows, above]


def _detected(answers: Answers) -> range:
    """The classes whose detection AUC measures; of two classes either says it all."""
    classes = answers.probabilities.shape[1]
    one = answers.positive if answers.positive is not None else (1 if classes == 2 else None)
    return range(classes) if one is None else range(one, one + 1)


def _class_auc(answers: Answers, index: int, clusters: Indices, multiplicities: Values) -> Values:
    """AUC of one class against the rest, ``(resamples,)``."""
    positive, negative = _by_score(answers, index, clusters, multiplicities)
    below = _cumulative(negative)[:, :-1]
    won = (positive * (below + 0.5 * negative)).sum(axis=1)
    return _divide(won, positive.sum(axis=1) * negative.sum(axis=1))


def _by_score(
    answers: Answers, index: int, clusters: Indices, multiplicities: Values
) -> tuple[Values, Values]:
    """Clips of a class, and of all others, at each distinct probability of it: ``(resamples, distinct)``."""
    scores = answers.probabilities[:, index]
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
    drawn = multiplicities[:, clusters[order]].astype(np.float64)
    positive = answers.truth[order] == index
    return (
        np.add.reduceat(drawn * positive, starts, axis=1),
        np.add.reduceat(drawn * ~positive, starts, axis=1),
    )


def _cumulative(values: Values) -> Values:
    """Sums of the first 0, 1, ... columns: ``(rows, columns + 1)``."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def _divide(above: Values, below: Values) -> Values:
    """The quotient; nan where it divides by 0."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)


def _mean_where(above: Values, below: Values) -> Values:
    """Mean over classes of a quotient, over the classes for which it exists."""
    there = below > 0
    return _divide(np.where(there, _divide(above, below), 0.0).sum(axis=1), there.sum(axis=1))


_METRICS: dict[Metric, Callable[[Answers, Indices, Values], Values]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "auc": _auc,
    "equal_error_rate": _equal_error_rate,
}
