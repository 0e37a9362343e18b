"""The students' networks have the published sizes and none of the original's defects."""

from __future__ import annotations

import pytest
import tf_keras as keras

from components.common.modeling.architectures.mobilenet_v3 import BLOCKS, MobileNetV3, channels
from components.common.modeling.student import build_deployed
from schemas.students import FrontEndSpec
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
