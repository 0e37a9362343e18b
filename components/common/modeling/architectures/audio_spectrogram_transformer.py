"""The audio spectrogram transformer: TRILLsson4 and TRILLsson5.

Gong, Chung & Glass, "AST: Audio Spectrogram Transformer" (Interspeech 2021): overlapping patches of the
log-mel spectrogram, a class and a distillation token (as in DeiT), transformer blocks. Two particulars:

* in place of the corpus' mean and deviation, a batch normalisation without parameters levels the input;
* the tokens have no positional embedding beside them: the sum of two learned vectors is one.

Shor & Venugopalan (Interspeech 2022) give the sizes of their two, 63.4 M and 88.6 M parameters, but not
their tables. Here both are ViT-Base (768 channels, 12 blocks) and differ in the perceptrons' width.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.architecture import Architecture, MapShape, require_patch


class AudioSpectrogramTransformer(Architecture):
    """Transformer over patches of a log-mel spectrogram; the defaults have TRILLsson5's size."""

    QUANTISES: ClassVar[bool] = False
    HAS_TOKEN: ClassVar[bool] = True

    name: Literal["audio_spectrogram_transformer"] = Field(
        "audio_spectrogram_transformer", description="AST, the family of TRILLsson4 and TRILLsson5."
    )
    width: int = Field(768, ge=8, le=2048, description="Channels of a place.")
    depth: int = Field(12, ge=1, le=48, description="Transformer blocks.")
    heads: int = Field(12, ge=1, description="Heads of the attention; they divide the width.")
    mlp_ratio: float = Field(
        4.18,
        gt=0,
        le=16,
        description="Units within a block's perceptron as a multiple of the width, rounded to a multiple of "
        "8; 2.4 gives TRILLsson4's size.",
    )
    patch: tuple[int, int] = Field((16, 16), description="Frames and mels of a place.")
    stride: tuple[int, int] = Field(
        (10, 10), description="Frames and mels from one place to the next; smaller than a place: overlap."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of each branch's outputs dropped in training.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} must divide the width {self.width}")
        for axis, size, step in zip(("frames", "mels"), self.patch, self.stride, strict=True):
            if not 1 <= step <= size:
                raise ValueError(
                    f"stride {step} {axis} must be from 1 to the patch's {size}, or some would be ignored"
                )
        return self

    @property
    def label(self) -> str:
        """Width, depth, heads, perceptron, patch, stride: ``ast-w768-d12-h12-m4.18-p16x16-s10x10``."""
        parts = [f"ast-w{self.width}", f"d{self.depth}", f"h{self.heads}", f"m{self.mlp_ratio:g}"]
        parts += ["p{}x{}".format(*self.patch), "s{}x{}".format(*self.stride)]
        return "-".join(parts) + (f"-drop{self.dropout:g}" if self.dropout else "")

    def map_shape(self, frames: int, mels: int) -> MapShape:
        """The places of whole patches, and the width; see the base class."""
        require_patch(self.label, frames, mels, *self.patch)
        time, frequency = (
            (length - size) // step + 1
            for length, size, step in zip((frames, mels), self.patch, self.stride, strict=True)
        )
        return MapShape(time, frequency, self.width)

    @property
    def hidden(self) -> int:
        """Units within a block's perceptron: whole vectors of eight, which kernels like."""
        return max(8, round(self.mlp_ratio * self.width / 8) * 8)

    def build(self, frames: int, mels: int, batch_norm_momentum: float) -> Any:
        """Builds the network; see the base class. The summary is the mean of the two tokens."""
        import tf_keras as keras

        from components.common.modeling.layers import patch_input
        from components.common.modeling.transformer import (
            TOKENS,
            TokensAndPositions,
            TransformerBlocks,
            layer_norm,
        )

        shape = self.map_shape(frames, mels)
        places = shape.time * shape.frequency
        inputs, x = patch_input(frames, mels)
        x = keras.layers.BatchNormalization(
            momentum=batch_norm_momentum, center=False, scale=False, name="level"
        )(x)
        x = keras.layers.Conv2D(self.width, self.patch, strides=self.stride, name="patches")(x)
        x = TokensAndPositions(name="places")(x)
        blocks = TransformerBlocks(self.heads, self.hidden, self.dropout)
        for number in range(self.depth):
            x = blocks.block(x, f"block_{number}")
        x = layer_norm("norm")(x)
        grid = keras.layers.Reshape(shape, name="map")(
            keras.layers.Cropping1D((TOKENS, 0), name="without_tokens")(x)
        )
        tokens = keras.layers.Cropping1D((0, places), name="tokens")(x)
        summary = keras.layers.GlobalAveragePooling1D(name="summary")(tokens)
        return keras.Model(inputs, [grid, summary], name=self.name)
