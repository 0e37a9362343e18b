"""The losses."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.student_trainer.losses import (
    cosine_distance,
    distillation_loss,
    relational_error,
    squared_error,
    target_weights,
)
from components.student_trainer.settings import LossWeights
from schemas.distillation_reports import DistillationSetInfo


def _info(blocks: list[int], std: list[float]) -> DistillationSetInfo:
    return DistillationSetInfo(
        teacher="made up",
        teacher_digest="",
        window_samples=15_600,
        hop_samples=15_360,
        target_dim=len(std),
        target_blocks=blocks,
        target_mean=[0.0] * len(std),
        target_std=std,
        windows={},
        augmented={},
        synthetic=True,
        seconds=0.0,
    )


def test_teachers_weigh_alike() -> None:
    # Two teachers of 3 and 1 dimensions: half each, so a sixth for each of the three.
    weights = target_weights(_info([3, 1], [1.0, 1.0, 1.0, 5.0]), "teacher")
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2], rtol=1e-6)


def test_dimensions_weigh_alike() -> None:
    np.testing.assert_allclose(target_weights(_info([3, 1], [1.0] * 4), "dimension"), [0.25] * 4, rtol=1e-6)


def test_a_dimension_that_hardly_moves_weighs_nothing() -> None:
    weights = target_weights(_info([3], [1.0, 1.0, 0.001]), "teacher")
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0], rtol=1e-6)


@pytest.mark.parametrize("weighting", ["teacher", "dimension"])
def test_weights_sum_to_one(weighting: str) -> None:
    rng = np.random.default_rng(3)
    weights = target_weights(_info([5, 7], rng.uniform(0.001, 2, 12).tolist()), weighting)
    assert weights.sum() == pytest.approx(1.0, rel=1e-5)


BLOCKS = [3, 2]
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4, 0.0], np.float32)


def _batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    return rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)


def test_squared_error_weighs_dimensions() -> None:
    answer, target = _batch()
    expected = (np.square(answer - target) * WEIGHTS).sum(axis=1).mean()
    assert float(squared_error(answer, target, WEIGHTS)) == pytest.approx(expected, rel=1e-5)


def test_cosine_is_taken_teacher_by_teacher() -> None:
    answer, target = _batch()
    expected = 0.0
    for part in (slice(0, 3), slice(3, 5)):
        a, b, w = answer[:, part], target[:, part], WEIGHTS[part]
        cosine = (w * a * b).sum(1) / np.sqrt((w * a * a).sum(1) * (w * b * b).sum(1))
        expected += w.sum() * (1 - cosine).mean()
    assert float(cosine_distance(answer, target, WEIGHTS, BLOCKS)) == pytest.approx(expected, rel=1e-4)


def test_relations_are_compared_between_different_windows() -> None:
    answer, target = _batch()

    def alike(rows: np.ndarray, i: int, j: int) -> float:
        a, b = rows[i] * np.sqrt(WEIGHTS), rows[j] * np.sqrt(WEIGHTS)
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    expected = np.mean([(alike(answer, i, j) - alike(target, i, j)) ** 2 for i, j in pairs])
    assert float(relational_error(answer, target, WEIGHTS)) == pytest.approx(expected, rel=1e-4)


def test_a_stretched_answer_costs_only_the_squared_error() -> None:
    _, target = _batch()
    assert float(squared_error(3 * target, target, WEIGHTS)) > 0.1
    assert float(cosine_distance(3 * target, target, WEIGHTS, BLOCKS)) == pytest.approx(0, abs=1e-5)
    assert float(relational_error(3 * target, target, WEIGHTS)) == pytest.approx(0, abs=1e-5)


def test_losses_add_up_by_their_weights() -> None:
    answer, target = _batch()
    shares = LossWeights(mse=0.5, cosine=2.0, relational=3.0)
    expected = (
        0.5 * squared_error(answer, target, WEIGHTS)
        + 2.0 * cosine_distance(answer, target, WEIGHTS, BLOCKS)
        + 3.0 * relational_error(answer, target, WEIGHTS)
    )
    loss = distillation_loss(answer, target, WEIGHTS, BLOCKS, shares)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)


def test_an_answer_of_zeros_has_finite_gradients() -> None:
    _, target = _batch()
    answer = tf.zeros((4, 5))
    with tf.GradientTape() as tape:
        tape.watch(answer)
        loss = distillation_loss(answer, target, WEIGHTS, BLOCKS, LossWeights(cosine=1.0, relational=1.0))
    assert np.isfinite(tape.gradient(loss, answer).numpy()).all()


def test_a_training_without_any_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss.mse, loss.cosine and loss.relational are all 0"):
        LossWeights(mse=0, cosine=0)
