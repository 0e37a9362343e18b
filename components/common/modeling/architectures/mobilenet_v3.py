"""MobileNetV3 for log-mel patches: FRILL's tiny, small and large.

Howard et al., "Searching for MobileNetV3" (2019), tables 1 and 2, with two
particulars of FRILL (Peplinski et al., Interspeech 2021):

* the 1x1 head (``Conv_2``) stays in the headless network, as it did in the Keras of
  2021; without it the published parameter counts are not reached;
* ``tiny`` is ``small`` without its seventh and tenth blocks and with a narrower head.

Unlike the image networks there is no input rescaling: log-mels are not pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from schemas.architecture import Architecture, MapShape, require_patch

if TYPE_CHECKING:
    from components.common.modeling.layers import Convolutions

Size = Literal["tiny", "small", "large"]

STRIDE = 32


@dataclass(frozen=True)
class Block:
    """One inverted-residual block; ``expansion`` multiplies the input channels."""

    expansion: float
    filters: int
    kernel: int
    stride: int
    squeeze_excite: bool
    activation: Literal["relu", "relu6", "hard_swish"]


_SMALL = (
    Block(1, 16, 3, 2, True, "relu"),
    Block(72 / 16, 24, 3, 2, False, "relu"),
    Block(88 / 24, 24, 3, 1, False, "relu"),
    Block(4, 40, 5, 2, True, "hard_swish"),
    Block(6, 40, 5, 1, True, "hard_swish"),
    Block(6, 40, 5, 1, True, "hard_swish"),
    Block(3, 48, 5, 1, True, "hard_swish"),
    Block(3, 48, 5, 1, True, "hard_swish"),
    Block(6, 96, 5, 2, True, "hard_swish"),
    Block(6, 96, 5, 1, True, "hard_swish"),
    Block(6, 96, 5, 1, True, "hard_swish"),
)
_LARGE = (
    Block(1, 16, 3, 1, False, "relu"),
    Block(4, 24, 3, 2, False, "relu"),
    Block(3, 24, 3, 1, False, "relu"),
    Block(3, 40, 5, 2, True, "relu"),
    Block(3, 40, 5, 1, True, "relu"),
    Block(3, 40, 5, 1, True, "relu"),
    Block(6, 80, 3, 2, False, "hard_swish"),
    Block(2.5, 80, 3, 1, False, "hard_swish"),
    Block(2.3, 80, 3, 1, False, "hard_swish"),
    Block(2.3, 80, 3, 1, False, "hard_swish"),
    Block(6, 112, 3, 1, True, "hard_swish"),
    Block(6, 112, 3, 1, True, "hard_swish"),
    Block(6, 160, 5, 2, True, "hard_swish"),
    Block(6, 160, 5, 1, True, "hard_swish"),
    Block(6, 160, 5, 1, True, "hard_swish"),
)
_TINY = tuple(block for number, block in enumerate(_SMALL, start=1) if number not in (7, 10))

BLOCKS: dict[Size, tuple[Block, ...]] = {"tiny": _TINY, "small": _SMALL, "large": _LARGE}
HEAD_FILTERS: dict[Size, int] = {"tiny": 512, "small": 1024, "large": 1280}


class MobileNetV3(Architecture):
    """MobileNetV3 with FRILL's head (Peplinski et al. 2021, section 3.2)."""

    name: Literal["mobilenet_v3"] = Field("mobilenet_v3", description="MobileNetV3, FRILL's family.")
    size: Size = Field("small", description="Table of blocks: tiny, small or large.")
    width: float = Field(1.0, ge=0.1, le=4, description="Multiplier of all channel counts ('alpha').")
    activation: Literal["hard_swish", "relu6"] = Field(
        "hard_swish",
        description="Of the stem, the later blocks and the head. In int8 files relu6 takes half the time: it "
        "costs nothing behind a convolution.",
    )

    @property
    def label(self) -> str:
        """Size and width, as in ``small-w0.5``."""
        activation = "" if self.activation == "hard_swish" else f"-{self.activation}"
        return f"{self.size}-w{self.width:g}{activation}"

    @property
    def taps(self) -> dict[str, int]:
        """What each resolution but the last ends with: it goes into a block that halves it."""
        return {
            f"block_{number}_expand_conv": channels(before.filters * self.width)
            for number, (before, block) in enumerate(pairwise(BLOCKS[self.size]), start=1)
            if block.stride == 2
        }

    def map_shape(self, frames: int, mels: int) -> MapShape:
        """The patch divided by 32 both ways, and the head's channels; see the base class."""
        require_patch(f"MobileNetV3 {self.label}", frames, mels, STRIDE, STRIDE)
        return MapShape(-(-frames // STRIDE), -(-mels // STRIDE), self._head_filters)

    def build(self, frames: int, mels: int, batch_norm_momentum: float) -> Any:
        """Builds the network; see the base class."""
        import tf_keras as keras

        from components.common.modeling.layers import Convolutions, activation, patch_input

        self.map_shape(frames, mels)
        build = Convolutions(batch_norm_momentum)
        inputs, x = patch_input(frames, mels)
        x = build.convolution(x, channels(16), 3, stride=2, activate=self.activation, name="stem")
        for number, block in enumerate(BLOCKS[self.size]):
            own = block if block.activation == "relu" else replace(block, activation=self.activation)
            x = _append(build, x, own, channels(block.filters * self.width), f"block_{number}")
        x = build.convolution(x, channels(x.shape[-1] * 6), 1, activate=self.activation, name="conv_1")
        x = keras.layers.Conv2D(self._head_filters, 1, name="conv_2")(x)
        x = activation(self.activation, "conv_2_activation")(x)
        return keras.Model(inputs, x, name=f"{self.name}_{self.label}")

    @property
    def _head_filters(self) -> int:
        head = HEAD_FILTERS[self.size]
        return channels(head * self.width) if self.width > 1 else head


def channels(filters: float, divisor: int = 8) -> int:
    """Rounds a channel count to a multiple of ``divisor``, losing at most a tenth of it."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded


def _append(build: Convolutions, x: Any, block: Block, filters: int, name: str) -> Any:
    """Expand, depthwise convolution, squeeze and excite, project, add."""
    import tf_keras as keras

    inputs, width = x, x.shape[-1]
    expanded = channels(width * block.expansion)
    if block.expansion != 1:
        x = build.convolution(x, expanded, 1, activate=block.activation, name=f"{name}_expand")
    x = build.depthwise(
        x, block.kernel, stride=block.stride, activate=block.activation, name=f"{name}_depthwise"
    )
    if block.squeeze_excite:
        x = build.squeeze_excite(x, channels(expanded * 0.25), name=f"{name}_se")
    x = build.convolution(x, filters, 1, name=f"{name}_project")
    if block.stride == 1 and filters == width:
        x = keras.layers.Add(name=f"{name}_add")([inputs, x])
    return x
