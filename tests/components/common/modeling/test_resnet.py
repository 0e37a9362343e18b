"""The teacher's network has the sizes of its paper."""

from __future__ import annotations

import numpy as np

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


def test_statistics_join_the_pooled_map_as_they_are() -> None:
    """Fresh moving averages are 0 and 1, so that only the normalisation's epsilon of 1e-3 scales them."""
    front_end = FrontEndSpec()
    spec = ResNetSpec(depths=(1,), width=4, expansion=1, embedding_dim=8)
    joined = build_resnet(spec.model_copy(update={"statistics_skip": True}), front_end)
    channels = 4  # width times expansion; the map itself is averaged
    log_mel = np.random.default_rng(3).normal(2.0, 3.0, (2, front_end.frames, front_end.mels))
    features = joined(log_mel.astype(np.float32), training=False)["features"].numpy()
    assert features.shape == (2, channels + 3 * front_end.mels)
    slopes = (log_mel[:, 2:] - log_mel[:, :-2]) / 2
    statistics = np.concatenate([log_mel.mean(axis=1), log_mel.std(axis=1), slopes.std(axis=1)], axis=1)
    np.testing.assert_allclose(features[:, channels:], statistics / np.sqrt(1.001), rtol=1e-4, atol=1e-4)
