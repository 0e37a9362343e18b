"""A slim ResNet for log-mel patches: the place of TRILLsson1 in its family.

He et al., "Deep Residual Learning for Image Recognition" (2016), bottleneck blocks. Shor & Venugopalan
(Interspeech 2022) give their "ResNet-like" student's size, 5.0 M parameters, but not its table; the
defaults here, ResNet-50 at half its width with shorter third and fourth stages, have that size.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.architecture import Architecture, MapShape, require_patch

STEM_STRIDE = 4


class ResNet(Architecture):
    """ResNet of bottleneck blocks; each stage after the first halves the map and doubles the channels."""

    name: Literal["resnet"] = Field("resnet", description="ResNet of bottleneck blocks, TRILLsson1's family.")
    depths: tuple[int, ...] = Field(
        (3, 4, 3, 2), min_length=1, max_length=5, description="Blocks of each stage."
    )
    width: int = Field(32, ge=4, le=256, description="Channels of the stem and of the first stage within.")
    expansion: int = Field(
        4, ge=1, le=8, description="Outer channels of a block as a multiple of its inner ones."
    )

    @property
    def label(self) -> str:
        """Blocks, width and expansion, as in ``resnet-3.4.3.2-w32-x4``."""
        return f"resnet-{'.'.join(map(str, self.depths))}-w{self.width}-x{self.expansion}"

    def map_shape(self, frames: int, mels: int) -> MapShape:
        """The patch divided by 4, and by 2 for each further stage; see the base class."""
        if min(self.depths) < 1:
            raise ValueError(f"{self.label}: each of the depths {self.depths} must be 1 at least")
        stages = len(self.depths) - 1
        stride = STEM_STRIDE * 2**stages
        require_patch(self.label, frames, mels, stride, stride)
        return MapShape(-(-frames // stride), -(-mels // stride), self.width * 2**stages * self.expansion)

    def build(self, frames: int, mels: int, batch_norm_momentum: float) -> Any:
        """Builds the network; see the base class."""
        import tf_keras as keras

        from components.common.modeling.layers import patch_input
        from components.common.modeling.resnet import residual_trunk

        self.map_shape(frames, mels)
        inputs, x = patch_input(frames, mels)
        x = residual_trunk(x, self.depths, self.width, self.expansion, batch_norm_momentum)
        return keras.Model(inputs, x, name=self.name)
