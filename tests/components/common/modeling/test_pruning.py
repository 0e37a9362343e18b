"""Magnitude pruning on schedule."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras

from components.common.modeling import bottleneck, pruning
from components.common.modeling.pruning import Pruning
from components.common.modeling.student import Student, build_student
from schemas.students import FrontEndSpec
from tests.students import mobilenet


@pytest.fixture
def student() -> Student:
    keras.utils.set_random_seed(1)
    return build_student(mobilenet("tiny", 0.5, embedding_width=32), FrontEndSpec())


def test_only_large_kernels_are_pruned(student: Student) -> None:
    names = [kernel.name for kernel in pruning.prunable(student)]
    assert "embedding_dense/kernel:0" in names
    assert "conv_2/kernel:0" in names
    assert "stem_conv/kernel:0" not in names  # 3 x 3 x 1 x 16 = 144 weights
    assert not [name for name in names if "depthwise" in name or "bias" in name or "_bn" in name]


def test_the_smallest_weights_go_on_schedule_and_stay_away(student: Student) -> None:
    kernel = student.bottleneck.get_layer("embedding_dense").kernel
    before = np.abs(kernel.numpy())
    schedule = Pruning(student, final_sparsity=0.8, begin_step=2, end_step=12, frequency=4)
    shares = []
    for step in range(16):
        schedule.after_step(step)
        shares.append(pruning.sparsity(student))
        if step == 7:
            kept = kernel.numpy() != 0
            assert before[kept].min() >= before[~kept].max()
            for weight in student.core.trainable_weights:
                weight.assign_add(0.001 * np.ones(weight.shape, np.float32))  # as an optimiser would
    # Chosen at steps 2, 6 and 10, which ends it: 0.8 * (1 - (1 - (step - 2) / 8) ** 3) = 0, 0.7, 0.8.
    np.testing.assert_allclose(shares[:2], 0.0)
    np.testing.assert_allclose(shares[2:6], 0.0, atol=1e-3)
    np.testing.assert_allclose(shares[6:10], 0.7, atol=1e-3)
    np.testing.assert_allclose(shares[10:], 0.8, atol=1e-3)


@pytest.mark.slow
def test_another_pruning_keeps_the_zeros_that_it_finds(student: Student) -> None:
    first = Pruning(student, final_sparsity=0.5, begin_step=0, end_step=1, frequency=1)
    first.after_step(1)
    zeros = [kernel.numpy() == 0 for kernel in pruning.prunable(student)]
    second = Pruning(student, final_sparsity=0.5, begin_step=0, end_step=1, frequency=1)
    for kernel in pruning.prunable(student):
        kernel.assign_add(np.ones(kernel.shape, np.float32))
    second.after_step(2)
    for kernel, zero in zip(pruning.prunable(student), zeros, strict=True):
        np.testing.assert_array_equal(kernel.numpy() == 0, zero)


@pytest.mark.slow
def test_a_form_that_comes_after_the_schedule_is_pruned_at_once(student: Student) -> None:
    Pruning(student, final_sparsity=0.5, begin_step=0, end_step=1, frequency=1).after_step(1)
    width = student.features.output_shape[-1]
    factored = student.with_bottleneck(bottleneck.factored(width, 32, 16))
    assert 0 < pruning.sparsity(factored) < 0.5
    late = Pruning(factored, final_sparsity=0.5, begin_step=0, end_step=1, frequency=1)
    late.after_step(7)
    assert pruning.sparsity(factored) == pytest.approx(0.5, abs=1e-3)


def test_steps_out_of_order_are_refused(student: Student) -> None:
    with pytest.raises(ValueError, match=r"tiny-w0.5-gap-e32: pruning from step 5 to step 5"):
        Pruning(student, final_sparsity=0.5, begin_step=5, end_step=5)
