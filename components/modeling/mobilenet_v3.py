"""MobileNetV3 backbones for log-mel patches: FRILL's tiny, small and large.

Howard et al., "Searching for MobileNetV3" (2019), tables 1 and 2, with two
particulars of FRILL (Peplinski et al., Interspeech 2021):

* the 1x1 head (``Conv_2``) stays in the headless network, as it did in the Keras of
  2021; without it the published parameter counts are not reached;
* ``tiny`` is ``small`` without its seventh and tenth blocks and with a narrower head.

Unlike the image networks there is no input rescaling (log-mels are not pixels), and batch
normalisation forgets fast enough for trainings of a few hundred steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import tf_keras as keras

Size = Literal["tiny", "small", "large"]
Activation = Literal["relu", "hard_swish"]

SIZES: tuple[Size, ...] = ("tiny", "small", "large")
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """One inverted-residual block; ``expansion`` multiplies the input channels."""

    expansion: float
    filters: int
    kernel: int
    stride: int
    squeeze_excite: bool
    activation: Activation


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


def channels(filters: float, divisor: int = 8) -> int:
    """Rounds a channel count to a multiple of ``divisor``, losing at most a tenth of it."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded


def build_backbone(
    size: Size, width: float, frames: int = 96, mels: int = 64, batch_norm_momentum: float = 0.95
) -> keras.Model:
    """Builds the headless network.

    Args:
      size: Which table of blocks.
      width: Multiplier of all channel counts ("alpha"), above 0.
      frames: Frames of a log-mel patch.
      mels: Mel bands of a log-mel patch.
      batch_norm_momentum: Of the moving averages. Keras' own 0.999 needs many thousand
        steps before the network works in inference mode.

    Returns:
      A model from ``(batch, frames, mels, 1)`` to ``(batch, frames / 32, mels / 32, head)``.
    """
    builder = _Builder(width, batch_norm_momentum)
    inputs = keras.Input((frames, mels, 1), name="log_mel")
    x = builder.convolution(inputs, 16, 3, stride=2, activation="hard_swish", name="stem", scale=False)
    for number, block in enumerate(BLOCKS[size]):
        x = builder.block(x, block, f"block_{number}")
    x = builder.convolution(x, x.shape[-1] * 6, 1, activation="hard_swish", name="conv_1", scale=False)
    head = HEAD_FILTERS[size]
    x = keras.layers.Conv2D(channels(head * width) if width > 1 else head, 1, name="conv_2")(x)
    x = _activation("hard_swish", "conv_2_activation")(x)
    return keras.Model(inputs, x, name=f"mobilenet_v3_{size}_{width:g}")


@dataclass(frozen=True)
class _Builder:
    """Appends layers with one width and one batch-norm momentum."""

    width: float
    momentum: float

    def convolution(
        self,
        x: Any,
        filters: float,
        kernel: int,
        *,
        name: str,
        stride: int = 1,
        activation: Activation | None = None,
        scale: bool = True,
    ) -> Any:
        """Convolution, batch normalisation and, where given, an activation."""
        width = channels(filters * self.width) if scale else channels(filters)
        x = keras.layers.Conv2D(
            width, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        return self._normalise(x, activation, name)

    def block(self, x: Any, block: Block, name: str) -> Any:
        """Expand, depthwise convolution, squeeze and excite, project, add."""
        inputs, width = x, x.shape[-1]
        expanded = channels(width * block.expansion)
        if block.expansion != 1:
            x = self.convolution(
                x, expanded, 1, activation=block.activation, name=f"{name}_expand", scale=False
            )
        x = keras.layers.DepthwiseConv2D(
            block.kernel, strides=block.stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
        )(x)
        x = self._normalise(x, block.activation, f"{name}_depthwise")
        if block.squeeze_excite:
            x = self._squeeze_excite(x, expanded, f"{name}_se")
        x = self.convolution(x, block.filters, 1, name=f"{name}_project")
        if block.stride == 1 and x.shape[-1] == width:
            x = keras.layers.Add(name=f"{name}_add")([inputs, x])
        return x

    def _normalise(self, x: Any, activation: Activation | None, name: str) -> Any:
        x = keras.layers.BatchNormalization(
            epsilon=BATCH_NORM_EPSILON, momentum=self.momentum, name=f"{name}_bn"
        )(x)
        return _activation(activation, f"{name}_activation")(x) if activation else x

    def _squeeze_excite(self, x: Any, width: int, name: str) -> Any:
        gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
        gate = keras.layers.Conv2D(channels(width * 0.25), 1, activation="relu", name=f"{name}_reduce")(gate)
        gate = keras.layers.Conv2D(width, 1, name=f"{name}_expand")(gate)
        gate = keras.layers.Activation(hard_sigmoid, name=f"{name}_gate")(gate)
        return keras.layers.Multiply(name=f"{name}_scale")([x, gate])


def _activation(kind: Activation, name: str) -> Any:
    if kind == "relu":
        return keras.layers.ReLU(name=name)
    return keras.layers.Activation(hard_swish, name=name)


@keras.saving.register_keras_serializable(package="tinytrill")
def hard_swish(x: Any) -> Any:
    """``x * relu6(x + 3) / 6`` (Howard et al. 2019, equation 3)."""
    return x * keras.activations.relu(x + 3.0, max_value=6.0) * (1.0 / 6.0)


@keras.saving.register_keras_serializable(package="tinytrill")
def hard_sigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6`` (Howard et al. 2019, section 5.2).

    A layer of its own, because operators on tensors make layers that Keras numbers through the whole
    process: names in a converted file would depend on what else the process built.
    """
    return keras.activations.relu(x + 3.0, max_value=6.0) * (1.0 / 6.0)
