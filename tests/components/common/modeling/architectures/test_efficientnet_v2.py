"""EfficientNetV2 is the one of the paper, on one channel and without image scaling."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras

from components.common.modeling.architectures.efficientnet_v2 import EfficientNetV2
from components.common.modeling.student import Student
from tests.components.common.modeling.architectures.converted import least_agreement, student


def _check_size(built: Student, trained: int, all_weights: int) -> None:
    assert sum(np.prod(weight.shape) for weight in built.core.trainable_weights) == trained
    assert built.parameters == all_weights  # with moving averages


@pytest.mark.slow
def test_trillsson2_has_its_size_and_converts() -> None:
    built = student({"name": "efficientnet_v2", "variant": "b1"})
    _check_size(built, 8_171_220, 8_242_292)
    assert least_agreement(built) > 0.9999


@pytest.mark.slow
def test_size_of_trillsson3() -> None:
    _check_size(student({"name": "efficientnet_v2", "variant": "s"}), 21_488_800, 21_642_672)


@pytest.mark.slow
def test_same_function_as_the_network_of_keras() -> None:
    # b2 has both multipliers; the weights fit only if every layer does.
    theirs = keras.applications.efficientnet_v2.EfficientNetV2B2(
        include_top=False, weights=None, include_preprocessing=False, input_shape=(64, 32, 1)
    )
    own = EfficientNetV2(variant="b2").build(64, 32, 0.95)
    own.set_weights(theirs.get_weights())
    patch = np.random.default_rng(0).normal(size=(1, 64, 32)).astype(np.float32)
    np.testing.assert_allclose(
        own(patch, training=False), theirs(patch[..., None], training=False), rtol=1e-3, atol=1e-4
    )


def test_no_rescaling_and_the_momentum_asked_for() -> None:
    layers = EfficientNetV2(variant="b0").build(64, 32, 0.9).layers
    assert not [
        layer for layer in layers if isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
    ]
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.9}
