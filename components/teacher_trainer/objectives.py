"""What a teacher is trained for: a loss and a figure for embeddings of pairs of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from components.teacher_trainer.contrastive import BilinearSimilarity, contrastive_loss
from components.teacher_trainer.settings import Contrastive, Objective
from components.teacher_trainer.triplets import semi_hard_loss, share_in_order, triplet_accuracy


class PairObjective(Protocol):
    """Judges embeddings ``(n, dim)`` of the two windows of n clips."""

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Weights that are trained along with the network, and not kept."""
        ...

    def judge(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss, and the share of triplets whose positive is nearer than the negative."""
        ...


class TripletObjective:
    """Semi-hard triplets; it has no weights of its own."""

    variables: Sequence[tf.Variable] = ()

    def __init__(self, margin: float) -> None:
        """See :func:`~components.teacher_trainer.triplets.semi_hard_loss`."""
        self._margin = margin

    def judge(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As :class:`PairObjective` says."""
        return semi_hard_loss(anchors, positives, self._margin), triplet_accuracy(anchors, positives)


class ContrastiveObjective:
    """Cross-entropy over the batch, by a bilinear similarity that is learnt."""

    def __init__(self, projection: int, embedding_dim: int) -> None:
        """See :class:`~components.teacher_trainer.contrastive.BilinearSimilarity`."""
        self._similarity = BilinearSimilarity(projection, embedding_dim)
        self.variables: Sequence[tf.Variable] = self._similarity.trainable_variables

    def judge(self, anchors: tf.Tensor, positives: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As :class:`PairObjective` says."""
        similarities = self._similarity((anchors, positives))
        return contrastive_loss(similarities), share_in_order(similarities)


def build_objective(objective: Objective, embedding_dim: int) -> PairObjective:
    """The objective of a setting, with fresh weights."""
    if isinstance(objective, Contrastive):
        return ContrastiveObjective(objective.projection, embedding_dim)
    return TripletObjective(objective.margin)
