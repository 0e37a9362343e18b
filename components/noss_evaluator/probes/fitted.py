"""A chosen probe with the standardisation that goes before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.noss_evaluator.probes.candidate import Candidate
from components.noss_evaluator.probes.choice import affordable, choose, fit_candidates
from components.noss_evaluator.probes.scaling import Matrix, Scaling, fit_scaling, scale_by_speaker
from components.noss_evaluator.settings import StrictProtocol
from schemas.noss_reports import ProbeKind
from schemas.noss_tasks import Metric

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class FittedProbe:
    """A probe that was fitted on train and chosen on validation.

    Attributes:
      scaling: Statistics of train.
      candidate: What was chosen.
      validation: The task's metric on validation.
      left_out: Kinds that were too costly to try.
    """

    scaling: Scaling
    candidate: Candidate
    validation: float
    left_out: tuple[ProbeKind, ...]

    def probabilities(self, embeddings: Matrix) -> Matrix:
        """Probability of each class, ``(n, classes)``; 0 for one that train did not have."""
        return self.candidate.classify(self.scaling(embeddings))


def fit_probe(
    train: Matrix,
    train_truth: Indices,
    validation: Matrix,
    validation_truth: Indices,
    *,
    classes: int,
    metric: Metric,
    strict: StrictProtocol,
    positive: int | None = None,
    train_speakers: Sequence[str] | None = None,
) -> FittedProbe:
    """Fits all kinds of probe on train and keeps the one that validation speaks for.

    Args:
      train: ``(n, dim)``.
      train_truth: Index of each clip's class, of two classes or more, ``(n,)``.
      validation: ``(m, dim)``.
      validation_truth: Index of each clip's class, ``(m,)``.
      classes: How many there are, whether in train or not.
      metric: What validation is judged by.
      strict: Kinds, grids and the limit of the linear probe.
      positive: Index of the positive label's class.
      train_speakers: Speaker of each training clip, if each is to be standardised alone; validation (and
        test) are standardised by all of train either way.
    """
    scaling = fit_scaling(train)
    scaled = scaling(train) if train_speakers is None else scale_by_speaker(train, train_speakers)
    kinds = affordable(strict, len(train), train.shape[1], classes)
    candidates = fit_candidates(scaled, train_truth, classes, scaling(validation), kinds, strict)
    chosen = choose(candidates, validation_truth, metric, positive)
    left_out = tuple(kind for kind in strict.probes if kind not in kinds)
    return FittedProbe(scaling, chosen.candidate, chosen.validation, left_out)
