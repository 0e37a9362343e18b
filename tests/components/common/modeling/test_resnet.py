"""The teacher's network has the sizes of its paper."""

from __future__ import annotations

from components.common.modeling.resnet import build_resnet
from schemas.resnet import ResNetSpec
from schemas.students import FrontEndSpec


def test_full_size_is_trills_resnet() -> None:
    network = build_resnet(ResNetSpec(), FrontEndSpec())
    assert network.output_shape == {"features": (None, 12_288), "embedding": (None, 512)}
    # ResNet-50 without its classifier has 23,587,712 weights in Keras, whose convolutions have biases before
    # the batch normalisations (26,560 in all) and whose stem reads three channels (2 x 7 x 7 x 64 more).
    backbone = 23_587_712 - 26_560 - 2 * 7 * 7 * 64
    assert network.count_params() == backbone + 12_288 * 512 + 512


def test_moving_averages_forget_fast() -> None:
    network = build_resnet(ResNetSpec(depths=(1,), width=4), FrontEndSpec())
    momenta = {layer.momentum for layer in network.layers if hasattr(layer, "momentum")}
    assert momenta == {0.95}
