"""The losses."""

from __future__ import annotations

import numpy as np
import pytest

from components.student_trainer.distiller import target_weights
from schemas.reports import DistillationSetInfo


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
