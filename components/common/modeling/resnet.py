"""ResNet on log-mel patches: what students of this kind and the teachers trained here share.

He et al. 2016 (ResNet-50, bottleneck blocks). A teacher has the changes of Shor et al. 2020: a patch of
one channel comes in, the last map is flattened in place of being averaged (``layer19``, 12288-d at full
size), and a linear layer makes the embedding of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tf_keras as keras

from components.common.modeling.frontend import LogMelSlopes, LogMelStatistics
from components.common.modeling.layers import Convolutions, activation, patch_input
from schemas.resnet import ResNetSpec
from schemas.students import FrontEndSpec

EMBEDDING = "embedding"
FEATURES = "features"


def build_resnet(spec: ResNetSpec, front_end: FrontEndSpec) -> keras.Model:
    """Builds a teacher's network with fresh weights.

    Returns:
      A model from ``(batch, frames, mels)`` to ``{"features": (batch, map), "embedding": (batch,
      embedding_dim)}``, neither normalised.
    """
    log_mel, x = patch_input(front_end.frames, front_end.mels)
    x = residual_trunk(x, spec.depths, spec.width, spec.expansion, spec.batch_norm_momentum)
    if spec.statistics_skip:
        pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
        statistics = keras.layers.Concatenate(name="joined_statistics")(
            [LogMelStatistics(name="statistics")(log_mel), LogMelSlopes(name="slopes")(log_mel)]
        )
        # Log-mels are several units wide; the map's values are about one.
        normalised = keras.layers.BatchNormalization(
            momentum=spec.batch_norm_momentum, scale=False, center=False, name="statistics_norm"
        )(statistics)
        features = keras.layers.Concatenate(name=FEATURES)([pooled, normalised])
    else:
        features = keras.layers.Flatten(name=FEATURES)(x)
    embedding = keras.layers.Dense(spec.embedding_dim, name=EMBEDDING)(features)
    return keras.Model(log_mel, {FEATURES: features, EMBEDDING: embedding}, name="resnet")


def residual_trunk(x: Any, depths: Sequence[int], width: int, expansion: int, momentum: float) -> Any:
    """Appends stem and stages.

    Args:
      x: A map of one channel.
      depths: Blocks of each stage; each stage after the first halves the map and doubles the channels.
      width: Channels of the stem and of the first stage's inner convolutions.
      expansion: Outer channels of a block as a multiple of its inner ones.
      momentum: Of the batch normalisations' moving averages.
    """
    build = Convolutions(momentum, initializer="he_normal")
    x = build.convolution(x, width, 7, stride=2, activate="relu", name="stem")
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, depth in enumerate(depths):
        inner = width * 2**stage
        for number in range(depth):
            stride = 2 if stage and not number else 1
            x = _block(build, x, inner, inner * expansion, stride, f"stage_{stage}_block_{number}")
    return x


def _block(build: Convolutions, x: Any, inner: int, outer: int, stride: int, name: str) -> Any:
    """Reduce, convolve, expand, add."""
    shortcut = x
    if stride != 1 or x.shape[-1] != outer:
        shortcut = build.convolution(x, outer, 1, stride=stride, name=f"{name}_shortcut")
    x = build.convolution(x, inner, 1, activate="relu", name=f"{name}_reduce")
    x = build.convolution(x, inner, 3, stride=stride, activate="relu", name=f"{name}_middle")
    x = build.convolution(x, outer, 1, name=f"{name}_expand")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return activation("relu", f"{name}_out")(x)
