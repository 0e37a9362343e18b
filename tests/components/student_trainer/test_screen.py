"""Closed-form maps on a network's features, and what a search makes of a training."""

from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling.arithmetic import multiply_accumulates
from components.common.modeling.student import Student, build_deployed, build_student
from components.student_trainer import screen as screening
from components.student_trainer.settings import LinearFit, TrainingSettings
from components.student_trainer.window_store import WindowStore
from schemas.students import FrontEndSpec
from tests.students import mobilenet

FRONT_END = FrontEndSpec()
PLAIN = mobilenet("tiny", 0.25, embedding_width=64)
RANK = 3
SETTINGS = TrainingSettings(linear_fit=LinearFit(alone=True))


def stores(rng: np.random.Generator) -> tuple[WindowStore, WindowStore, Student]:
    """Windows whose targets are a linear map of the pooled features of rank 3, and noise."""
    student = build_student(PLAIN, FRONT_END)
    made = []
    kernel = None
    for count in (900, 300):
        log_mel = rng.normal(size=(count, FRONT_END.frames, FRONT_END.mels)).astype(np.float16)
        log_mel *= rng.uniform(0.2, 3, size=(count, 1, 1))
        features = student.features.predict(log_mel.astype(np.float32), verbose=0)
        if kernel is None:
            mean, deviation = features.mean(0), features.std(0) + 1e-6
            kernel = rng.normal(size=(features.shape[1], RANK)) @ rng.normal(size=(RANK, 8))
            scale = (((features - mean) / deviation) @ kernel).std(0)
        target = ((features - mean) / deviation) @ kernel / scale
        target += rng.normal(scale=0.3, size=target.shape)
        made.append(WindowStore(log_mel, target.astype(np.float16)))
    return made[0], made[1], student


def test_siblings_are_judged_by_rank_and_pooling() -> None:
    train, held_out, student = stores(np.random.default_rng(3))
    specs = [
        PLAIN,
        PLAIN.model_copy(update={"svd_rank": RANK, "warm_start": PLAIN.candidate_id}),
        PLAIN.model_copy(update={"svd_rank": 1, "warm_start": PLAIN.candidate_id}),
        PLAIN.model_copy(update={"svd_energy": 0.99, "warm_start": PLAIN.candidate_id}),
        PLAIN.model_copy(update={"qat": "bottleneck", "warm_start": PLAIN.candidate_id}),
        PLAIN.model_copy(update={"pooling": "flatten", "warm_start": PLAIN.candidate_id}),
        PLAIN.model_copy(update={"statistics_skip": True, "warm_start": PLAIN.candidate_id}),
    ]
    found = screening.screen(student, specs, train, held_out, np.full(8, 1 / 8, np.float32), SETTINGS)
    full, cut, one, energy, quantised, flat, skip = (each.explained or 0.0 for each in found)
    # Noise of variance 0.09 on targets of variance 1.
    assert 0.8 < full < 1 / 1.09 + 0.02
    assert cut == pytest.approx(full, abs=0.02)
    assert one < full - 0.02
    assert energy == pytest.approx(cut, abs=0.02)
    assert quantised == full
    assert skip == pytest.approx(full, abs=0.1)
    assert flat > 0.3  # the same network's maps, more of them than windows would need
    assert [each.candidate_id for each in found] == [spec.candidate_id for spec in specs]
    # The first one trains the network; the quantised one learns its ranges.
    assert [each.learns for each in found] == [spec in (specs[0], specs[4]) for spec in specs]
    for each, spec, rank in zip(found, specs, (0, RANK, 1, None, 0, 0, 0), strict=True):
        if rank is not None:
            built = build_deployed(spec.model_copy(update={"qat": "none"}), FRONT_END, rank)
            assert each.mega_macs == pytest.approx(multiply_accumulates(built.core) / 1e6)


def test_without_a_trained_network_only_the_arithmetic_is_known() -> None:
    specs = [PLAIN, PLAIN.model_copy(update={"svd_rank": 4, "warm_start": PLAIN.candidate_id})]
    found = screening.unscreened(specs, FRONT_END, SETTINGS)
    assert [each.explained for each in found] == [None, None]
    assert found[1].mega_macs < found[0].mega_macs
