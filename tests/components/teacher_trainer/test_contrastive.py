"""The contrastive loss against plain NumPy, and what its similarity learns."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.teacher_trainer.contrastive import contrastive_loss
from components.teacher_trainer.objectives import build_objective
from components.teacher_trainer.settings import Contrastive
from components.teacher_trainer.triplets import share_in_order


def plain_loss(similarities: np.ndarray) -> float:
    """Cross-entropy by rows and by columns, in float64."""
    losses = []
    for scores in (similarities, similarities.T):
        for index, row in enumerate(scores.astype(np.float64)):
            losses.append(np.log(np.sum(np.exp(row - row[index]))))
    return float(np.mean(losses))


def test_loss_by_hand() -> None:
    # Rows: ln(1 + e^-2) = 0.126928 and ln(1 + e^0) = 0.693147; columns: ln(1 + e^-1) = 0.313262 twice.
    similarities = tf.constant([[2.0, 0.0], [1.0, 1.0]])
    assert float(contrastive_loss(similarities)) == pytest.approx(
        (0.126928 + 0.693147 + 2 * 0.313262) / 4, abs=1e-5
    )


def test_objective_is_the_formula_on_its_own_weights() -> None:
    rng = np.random.default_rng(0)
    anchors, positives = rng.normal(size=(2, 7, 12)).astype(np.float32)
    objective = build_objective(Contrastive(projection=9), 12)
    kernel, bias, scale, offset, bilinear = (
        value.numpy().astype(np.float64) for value in objective.variables
    )

    def project(rows: np.ndarray) -> np.ndarray:
        dense = rows @ kernel + bias
        centred = dense - dense.mean(axis=1, keepdims=True)
        normal = centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-3)
        return np.tanh(normal * scale + offset)

    similarities = project(anchors) @ bilinear @ project(positives).T
    loss, in_order = objective.judge(tf.constant(anchors), tf.constant(positives))
    assert float(loss) == pytest.approx(plain_loss(similarities), rel=1e-4)
    right = np.diag(similarities)[:, None] > similarities
    assert float(in_order) == pytest.approx(right.sum() / (7 * 6))


def test_share_in_order_leaves_a_pair_against_itself_out() -> None:
    # Row 0: 3 above 1 and 2; row 1: 0 above none; row 2: 5 above 4, not above 6: 3 of 6.
    similarities = tf.constant([[3.0, 1.0, 2.0], [1.0, 0.0, 1.0], [4.0, 6.0, 5.0]])
    assert float(share_in_order(similarities)) == pytest.approx(3 / 6)
