"""EfficientNetV2 for log-mel patches: TRILLsson2 (b1) and TRILLsson3 (s).

Tan & Le, "EfficientNetV2: Smaller Models and Faster Training" (2021), table 4. With one channel of
input, global average pooling and a bottleneck of 1024 the trainable parameters are those of Shor &
Venugopalan (Interspeech 2022): 8.1 M and 21.5 M.

Unlike the image networks there is no input rescaling: log-mels are not pixels. Stochastic depth is left
out: a student imitates its teacher on far more sound than it could learn by heart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from schemas.architecture import Architecture, MapShape, require_patch

if TYPE_CHECKING:
    from components.common.modeling.layers import Convolutions

Variant = Literal["b0", "b1", "b2", "b3", "s"]

STRIDE = 32
HEAD_FILTERS = 1280
# As in the paper's code. Keras' default counts all channels into the fan of a depthwise kernel, and draws it
# so small that the epsilon of the batch normalisation behind it swallows the signal.
INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind; the first of them takes the stride.

    Attributes:
      fused: One dense 3x3 convolution in place of expansion and depthwise convolution, and no squeeze and
        excite.
      repeats: Number of blocks, before the depth multiplier.
      filters: Output channels, before the width multiplier.
      expansion: Inner channels as a multiple of the input channels.
      stride: Of the first block.
    """

    fused: bool
    repeats: int
    filters: int
    expansion: int
    stride: int


@dataclass(frozen=True)
class Table:
    """One variant: its stem, its stages, and what they are multiplied by."""

    stem: int
    stages: tuple[Stage, ...]
    width: float = 1.0
    depth: float = 1.0


_B = (
    Stage(True, 1, 16, 1, 1),
    Stage(True, 2, 32, 4, 2),
    Stage(True, 2, 48, 4, 2),
    Stage(False, 3, 96, 4, 2),
    Stage(False, 5, 112, 6, 1),
    Stage(False, 8, 192, 6, 2),
)
_S = (
    Stage(True, 2, 24, 1, 1),
    Stage(True, 4, 48, 4, 2),
    Stage(True, 4, 64, 4, 2),
    Stage(False, 6, 128, 4, 2),
    Stage(False, 9, 160, 6, 1),
    Stage(False, 15, 256, 6, 2),
)
TABLES: dict[Variant, Table] = {
    "b0": Table(32, _B),
    "b1": Table(32, _B, width=1.0, depth=1.1),
    "b2": Table(32, _B, width=1.1, depth=1.2),
    "b3": Table(32, _B, width=1.2, depth=1.4),
    "s": Table(24, _S),
}


class EfficientNetV2(Architecture):
    """EfficientNetV2 up to its 1x1 head."""

    name: Literal["efficientnet_v2"] = Field(
        "efficientnet_v2", description="EfficientNetV2, the family of TRILLsson2 (b1) and TRILLsson3 (s)."
    )
    variant: Variant = Field("b1", description="Table of stages: b0 to b3, or s.")

    @property
    def label(self) -> str:
        """The variant, as in ``efficientnetv2-b1``."""
        return f"efficientnetv2-{self.variant}"

    def map_shape(self, frames: int, mels: int) -> MapShape:
        """The patch divided by 32 both ways, and the head's channels; see the base class."""
        require_patch(self.label, frames, mels, STRIDE, STRIDE)
        return MapShape(-(-frames // STRIDE), -(-mels // STRIDE), self._filters(HEAD_FILTERS))

    def build(self, frames: int, mels: int, batch_norm_momentum: float) -> Any:
        """Builds the network; see the base class."""
        import tf_keras as keras

        from components.common.modeling.layers import Convolutions, patch_input

        self.map_shape(frames, mels)
        table = TABLES[self.variant]
        build = Convolutions(batch_norm_momentum, initializer=INITIALIZER)
        inputs, x = patch_input(frames, mels)
        x = build.convolution(x, self._filters(table.stem), 3, stride=2, activate="swish", name="stem")
        for number, stage in enumerate(table.stages):
            for block in range(math.ceil(stage.repeats * table.depth)):
                x = _append(
                    build,
                    x,
                    stage,
                    filters=self._filters(stage.filters),
                    stride=1 if block else stage.stride,
                    name=f"stage_{number}_block_{block}",
                )
        x = build.convolution(x, self._filters(HEAD_FILTERS), 1, activate="swish", name="head")
        return keras.Model(inputs, x, name=self.name)

    def _filters(self, filters: int) -> int:
        """A channel count times the width multiplier, to the nearest multiple of 8."""
        return int(filters * TABLES[self.variant].width + 4) // 8 * 8


def _append(build: Convolutions, x: Any, stage: Stage, filters: int, stride: int, name: str) -> Any:
    """One block: a fused or a plain inverted residual."""
    import tf_keras as keras

    inputs, width = x, x.shape[-1]
    expanded = width * stage.expansion
    if not stage.fused:
        x = build.convolution(x, expanded, 1, activate="swish", name=f"{name}_expand")
        x = build.depthwise(x, 3, stride=stride, activate="swish", name=f"{name}_depthwise")
        x = build.squeeze_excite(x, width // 4, activate="swish", gate="sigmoid", name=f"{name}_se")
        x = build.convolution(x, filters, 1, name=f"{name}_project")
    elif stage.expansion == 1:
        x = build.convolution(x, filters, 3, stride=stride, activate="swish", name=f"{name}_project")
    else:
        x = build.convolution(x, expanded, 3, stride=stride, activate="swish", name=f"{name}_expand")
        x = build.convolution(x, filters, 1, name=f"{name}_project")
    if stride == 1 and filters == width:
        x = keras.layers.Add(name=f"{name}_add")([inputs, x])
    return x
