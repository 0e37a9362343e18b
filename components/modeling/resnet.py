"""The network of teachers that the pipeline trains: TRILL's ResNet on log-mel patches.

He et al. 2016 (ResNet-50, bottleneck blocks) with the changes of Shor et al. 2020: a patch of one
channel comes in, the last map is flattened in place of being averaged (``layer19``, 12288-d at full
size), and a linear layer makes the embedding of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tf_keras as keras

from schemas.students import FrontEndSpec
from schemas.trained_teacher import ResNetSpec

EMBEDDING = "embedding"
FEATURES = "features"


def build_resnet(spec: ResNetSpec, front_end: FrontEndSpec) -> keras.Model:
    """Builds the network with fresh weights.

    Returns:
      A model from ``(batch, frames, mels)`` to ``{"features": (batch, map), "embedding": (batch,
      embedding_dim)}``, neither normalised.
    """
    build = _Builder(spec.batch_norm_momentum)
    log_mel = keras.Input((front_end.frames, front_end.mels), name="log_mel")
    x = keras.layers.Reshape((front_end.frames, front_end.mels, 1), name="channel")(log_mel)
    x = build.convolution(x, spec.width, 7, "stem", stride=2)
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, depth in enumerate(spec.depths):
        inner = spec.width * 2**stage
        for number in range(depth):
            stride = 2 if stage and not number else 1
            x = build.block(x, inner, inner * spec.expansion, stride, f"stage_{stage}_block_{number}")
    features = keras.layers.Flatten(name=FEATURES)(x)
    embedding = keras.layers.Dense(spec.embedding_dim, name=EMBEDDING)(features)
    return keras.Model(log_mel, {FEATURES: features, EMBEDDING: embedding}, name="resnet")


@dataclass(frozen=True)
class _Builder:
    """Appends layers with one batch-norm momentum."""

    momentum: float

    def convolution(
        self, x: Any, filters: int, kernel: int, name: str, stride: int = 1, activate: bool = True
    ) -> Any:
        """Convolution, batch normalisation and, where wanted, a rectifier."""
        x = keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        x = keras.layers.BatchNormalization(momentum=self.momentum, name=f"{name}_bn")(x)
        return keras.layers.ReLU(name=f"{name}_relu")(x) if activate else x

    def block(self, x: Any, inner: int, outer: int, stride: int, name: str) -> Any:
        """Reduce, convolve, expand, add."""
        shortcut = x
        if stride != 1 or x.shape[-1] != outer:
            shortcut = self.convolution(x, outer, 1, f"{name}_shortcut", stride, activate=False)
        x = self.convolution(x, inner, 1, f"{name}_reduce")
        x = self.convolution(x, inner, 3, f"{name}_middle", stride)
        x = self.convolution(x, outer, 1, f"{name}_expand", activate=False)
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
        return keras.layers.ReLU(name=f"{name}_out")(x)
