"""The students' networks have the published sizes and none of the original's defects."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras

from components.common.modeling.architectures.mobilenet_v3 import BLOCKS, MobileNetV3, channels
from components.common.modeling.student import build_deployed, build_student
from schemas.students import FrontEndSpec, StudentSpec
from tests.students import mobilenet

# Counted by rebuilding the networks of 2021; FRILL itself (small 2.0) is published as 10.1 M, 38.5 MB.
PUBLISHED = {
    ("tiny", 0.5, "gap", 0): 1_388_432,
    ("tiny", 1.0, "gap", 0): 1_957_816,
    ("tiny", 2.0, "gap", 0): 5_588_648,
    ("small", 0.5, "gap", 0): 2_673_632,
    ("small", 0.75, "gap", 0): 3_125_464,
    ("small", 1.0, "gap", 0): 3_628_880,
    ("small", 2.0, "gap", 0): 10_119_632,
    ("large", 0.5, "gap", 0): 4_044_712,
    ("large", 1.0, "gap", 0): 6_849_632,
    ("large", 2.0, "gap", 0): 21_852_440,
    ("small", 1.0, "gap", 100): 1_838_928,
    ("small", 2.0, "gap", 100): 6_334_928,
    ("small", 1.0, "flatten", 0): 14_114_640,
    ("small", 1.0, "flatten", 100): 2_350_928,
}


@pytest.mark.slow
@pytest.mark.parametrize(("size", "width", "pooling", "rank"), PUBLISHED)
def test_parameters_are_as_published(size: str, width: float, pooling: str, rank: int) -> None:
    spec = mobilenet(size, width, pooling=pooling, svd_rank=rank)
    student = build_deployed(spec, FrontEndSpec(), rank)
    assert student.parameters == PUBLISHED[size, width, pooling, rank]
    assert student.core.output_shape == (None, 2048)


@pytest.mark.slow
def test_quantisers_do_not_count_as_parameters() -> None:
    plain = mobilenet("tiny", 0.5, embedding_width=64, svd_rank=8)
    quantised = plain.model_copy(update={"qat": "bottleneck"})
    front_end = FrontEndSpec()
    assert (
        build_deployed(quantised, front_end, 8).parameters == build_deployed(plain, front_end, 8).parameters
    )


def test_tiny_is_small_without_two_blocks() -> None:
    kept = [block for index, block in enumerate(BLOCKS["small"]) if index not in (6, 9)]
    assert list(BLOCKS["tiny"]) == kept


def test_log_mels_are_not_rescaled_like_pixels() -> None:
    layers = MobileNetV3(size="tiny", width=0.5).build(96, 64, 0.95).layers
    assert not [layer for layer in layers if isinstance(layer, keras.layers.Rescaling)]


def test_batch_norm_forgets_fast_enough() -> None:
    norms = [
        layer
        for layer in MobileNetV3(size="tiny", width=0.5).build(96, 64, 0.9).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert {layer.momentum for layer in norms} == {0.9}


@pytest.mark.parametrize(
    ("filters", "expected"),
    # 8 * round(filters / 8), but never under 90 %: 12 -> 16 (12 + 4 = 16), 10 -> 8 is 80 %, so 16.
    [(16, 16), (12, 16), (10, 16), (18, 24), (17, 16), (3, 8)],
)
def test_channels_round_to_eights(filters: float, expected: int) -> None:
    assert channels(filters) == expected


def test_taps_are_what_goes_into_each_block_that_halves_the_map() -> None:
    # small 0.5: 16, 24 and 48 channels at half width, at 24x16, 12x8 and 6x4 of a patch of 96x64.
    architecture = MobileNetV3(size="small", width=0.5)
    assert architecture.taps == {
        "block_1_expand_conv": 8,
        "block_3_expand_conv": 16,
        "block_8_expand_conv": 24,
    }
    network = architecture.build(96, 64, 0.95)
    maps = [network.get_layer(name).input.shape[1:] for name in architecture.taps]
    assert maps == [(24, 16, 8), (12, 8, 16), (6, 4, 24)]
    plain, tapped = (
        build_student(mobilenet("small", 0.5, embedding_width=64, taps=taps), FrontEndSpec())
        for taps in (False, True)
    )
    assert tapped.features.output_shape[-1] == plain.features.output_shape[-1] + 48
    assert tapped.spec.feature_width(FrontEndSpec()) == tapped.features.output_shape[-1]


def test_the_mean_of_the_moments_is_the_patch_with_taps_too() -> None:
    spec = mobilenet("tiny", 0.25, embedding_width=16, taps=True, statistics_skip=True)
    student = build_student(spec, FrontEndSpec())
    assert student.moments
    patches = np.random.default_rng(0).normal(-2, 2, (2, 96, 64)).astype(np.float32)
    moments = student.moments(patches).numpy()
    np.testing.assert_allclose(moments.mean(axis=1), student.features(patches).numpy(), atol=1e-5)


def test_taps_are_refused_where_there_are_none() -> None:
    with pytest.raises(ValueError, match="taps: resnet names no layers to be tapped"):
        StudentSpec.model_validate({"architecture": {"name": "resnet"}, "taps": True})


def test_the_activation_of_the_later_blocks_is_a_choice() -> None:
    names = {
        kind: [
            type(layer).__name__
            for layer in MobileNetV3(size="tiny", width=0.5, activation=kind).build(96, 64, 0.95).layers
        ]
        for kind in ("hard_swish", "relu6")
    }
    # What is left are the gates of squeeze and excite, one in each of the seven blocks that have them.
    assert names["relu6"].count("Activation") == 7 < names["hard_swish"].count("Activation")
    assert MobileNetV3(size="tiny", width=0.5, activation="relu6").label == "tiny-w0.5-relu6"
