"""The ResNet student has TRILLsson1's size."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.common.modeling.architectures.resnet import ResNet
from tests.components.common.modeling.architectures.converted import least_agreement, student


@pytest.mark.slow
def test_size_of_trillsson1_and_conversion() -> None:
    built = student({"name": "resnet"})
    # The stem: 49 * 32 + 4 * 32. A block of inner width i on c channels: c * i + 9 * i^2 + 4 * i^2 + 24 * i,
    # and in the first block of a stage a shortcut of c * 4 * i + 16 * i. The bottleneck: 1024 * 1024 + 1024.
    count = 49 * 32 + 4 * 32
    channels = 32
    for depth, inner in zip((3, 4, 3, 2), (32, 64, 128, 256), strict=True):
        count += channels * 4 * inner + 16 * inner
        for _ in range(depth):
            count += channels * inner + 13 * inner**2 + 24 * inner
            channels = 4 * inner
    assert built.parameters == count + 1024 * 1024 + 1024 == 5_000_608
    assert least_agreement(built) > 0.9999


def test_fewer_stages_halve_the_map_less_often() -> None:
    assert ResNet(depths=(1, 1), width=8, expansion=2).map_shape(96, 64) == (12, 8, 32)


def test_impossible_parameters() -> None:
    with pytest.raises(ValueError, match=r"each of the depths \(2, 0\) must be 1 at least"):
        ResNet(depths=(2, 0)).map_shape(96, 64)
    with pytest.raises(ValidationError, match="greater than or equal to 4"):
        ResNet(width=2)
