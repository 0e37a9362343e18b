"""The encoder of Wav2Vec 2.0 and HuBERT as a plain TensorFlow network on Hugging Face's own weights.

Baevski et al. 2020, "wav2vec 2.0", arXiv 2006.11477, section 2: a stack of convolutions over the waveform,
a transformer over its frames, whose positions come from a grouped convolution. Hsu et al. 2021, "HuBERT",
arXiv 2106.07447, section II, keeps that encoder. The two layouts, the names of the weights and what counts as
hidden state ``i`` are those of ``Wav2Vec2Model`` and ``HubertModel`` in Hugging Face's transformers
(huggingface.co/docs/transformers/model_doc/wav2vec2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.common.modeling.teachers.base import TeacherError

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

_POSITIONS = "encoder.pos_conv_embed.conv"
# Scale and direction of the weight-normalised positional convolution: torch's older names and its newer.
_WEIGHT_NORMS = (
    (f"{_POSITIONS}.weight_g", f"{_POSITIONS}.weight_v"),
    (f"{_POSITIONS}.parametrizations.weight.original0", f"{_POSITIONS}.parametrizations.weight.original1"),
)
_PREFIXES = ("wav2vec2.", "hubert.")
# What only training uses.
_UNUSED = ("masked_spec_embed",)
# torch's, where config.json does not speak of it.
_EPSILON = 1e-5


class EncoderConfig(BaseModel):
    """What ``config.json`` says of the encoder; keys that do not shape it are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    model_type: Literal["wav2vec2", "hubert"]
    hidden_size: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    conv_dim: tuple[int, ...] = Field(min_length=1)
    conv_kernel: tuple[int, ...]
    conv_stride: tuple[int, ...]
    conv_bias: bool = False
    feat_extract_norm: Literal["group", "layer"] = "group"
    feat_extract_activation: Literal["gelu"] = "gelu"
    feat_proj_layer_norm: bool = True
    hidden_act: Literal["gelu"] = "gelu"
    layer_norm_eps: float = _EPSILON
    do_stable_layer_norm: bool = False
    num_conv_pos_embeddings: int = Field(128, gt=0)
    num_conv_pos_embedding_groups: int = Field(16, gt=0)
    conv_pos_batch_norm: Literal[False] = False
    add_adapter: Literal[False] = False
    adapter_attn_dim: None = None

    @model_validator(mode="after")
    def _fits_together(self) -> EncoderConfig:
        if not len(self.conv_dim) == len(self.conv_kernel) == len(self.conv_stride):
            raise ValueError(
                f"conv_dim {list(self.conv_dim)}, conv_kernel {list(self.conv_kernel)} and conv_stride "
                f"{list(self.conv_stride)} must be of one length"
            )
        for key in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % getattr(self, key):
                raise ValueError(f"{key} {getattr(self, key)} must divide hidden_size {self.hidden_size}")
        return self

    @property
    def shortest(self) -> int:
        """Fewest samples that give a frame: 400 in every published model."""
        samples = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples


def weight_shapes(config: EncoderConfig) -> dict[str, Shape]:
    """Name and shape of each weight, in torch's order of axes."""
    width, inner = config.hidden_size, config.intermediate_size
    shapes: dict[str, Shape] = {}

    def affine(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    channels = 1
    for index, (dim, kernel) in enumerate(zip(config.conv_dim, config.conv_kernel, strict=True)):
        layer = f"feature_extractor.conv_layers.{index}"
        shapes[f"{layer}.conv.weight"] = (dim, channels, kernel)
        if config.conv_bias:
            shapes[f"{layer}.conv.bias"] = (dim,)
        if config.feat_extract_norm == "layer" or index == 0:
            affine(f"{layer}.layer_norm", dim)
        channels = dim
    if config.feat_proj_layer_norm:
        affine("feature_projection.layer_norm", channels)
    affine("feature_projection.projection", width, channels)
    affine(_POSITIONS, width, width // config.num_conv_pos_embedding_groups, config.num_conv_pos_embeddings)
    affine("encoder.layer_norm", width)
    for index in range(config.num_hidden_layers):
        layer = f"encoder.layers.{index}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            affine(f"{layer}.attention.{part}", width, width)
        affine(f"{layer}.layer_norm", width)
        affine(f"{layer}.feed_forward.intermediate_dense", inner, width)
        affine(f"{layer}.feed_forward.output_dense", width, inner)
        affine(f"{layer}.final_layer_norm", width)
    return shapes


def encoder_weights(tensors: Mapping[str, Array], config: EncoderConfig) -> dict[str, Array]:
    """The encoder's weights among a checkpoint's tensors, float32, under the names of :func:`weight_shapes`.

    Where names have the encoder's prefix, the others belong to a head for some task and are left out. A
    weight-normalised convolution, ``w = g * v / |v|``, becomes a plain one.

    Raises:
      TeacherError: If weights are missing, unknown or of another shape than ``config.json`` says.
    """
    prefix = next((one for one in _PREFIXES if any(name.startswith(one) for name in tensors)), "")
    weights = {
        name.removeprefix(prefix): tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if name.startswith(prefix) and name.removeprefix(prefix) not in _UNUSED
    }
    for scale, direction in _WEIGHT_NORMS:
        if scale in weights and direction in weights:
            weights[f"{_POSITIONS}.weight"] = _weight_normalised(weights.pop(scale), weights.pop(direction))
    wanted = weight_shapes(config)
    problems = [
        *(f"missing: {name}" for name in sorted(set(wanted) - set(weights))),
        *(f"unexpected: {name}" for name in sorted(set(weights) - set(wanted))),
        *(
            f"{name} has the shape {weights[name].shape}, expected {shape}"
            for name, shape in wanted.items()
            if name in weights and weights[name].shape != shape
        ),
    ]
    if problems:
        raise TeacherError(
            f"the weights are not those of config.json ({len(problems)} differences):\n  "
            + "\n  ".join(problems)
        )
    return weights


def _weight_normalised(scale: Array, direction: Array) -> Array:
    """``g * v / |v|``, one ``g`` for each place of the kernel (torch's ``weight_norm(..., dim=2)``)."""
    norm = np.sqrt(np.square(direction, dtype=np.float64).sum(axis=(0, 1), keepdims=True))
    return (scale * (direction / norm)).astype(np.float32)


class Wav2Vec2Encoder:
    """Waveforms in, the transformer's hidden states out. Every sound of a batch has the same length."""

    def __init__(self, config: EncoderConfig, weights: Mapping[str, Array]) -> None:
        """Takes the weights over.

        Args:
          config: The shape of the network.
          weights: As :func:`encoder_weights` gives them.
        """
        self.config = config
        # torch's (out, in, kernel) and (out, in), reversed, are TensorFlow's.
        self._weights = {name: tf.constant(np.ascontiguousarray(value.T)) for name, value in weights.items()}

    def hidden_states(self, waveforms: tf.Tensor, layers: Collection[int]) -> list[tf.Tensor]:
        """Hidden states by their index.

        Args:
          waveforms: float32 ``(batch, samples)``, at least ``config.shortest`` samples.
          layers: Indices from 0, which is the first layer's input, to the number of layers.

        Returns:
          One ``(batch, frames, hidden size)`` for each index. No layer above the highest is computed.
        """
        stable, last = self.config.do_stable_layer_norm, self.config.num_hidden_layers
        x = self._project(self._features(waveforms))
        x += self._positions(x)
        states = {0: x if stable else self._layer_norm(x, "encoder.layer_norm")}
        for index in range(max(layers)):
            layer = self._pre_norm_layer if stable else self._post_norm_layer
            states[index + 1] = layer(states[index], f"encoder.layers.{index}")
        if stable and last in states:
            states[last] = self._layer_norm(states[last], "encoder.layer_norm")
        return [states[index] for index in layers]

    def _features(self, waveforms: tf.Tensor) -> tf.Tensor:
        """``(batch, samples)`` to ``(batch, frames, channels)``: in published models a frame each 20 ms."""
        config = self.config
        x = waveforms[:, :, None]
        for index, stride in enumerate(config.conv_stride):
            layer = f"feature_extractor.conv_layers.{index}"
            x = tf.nn.conv1d(x, self._weights[f"{layer}.conv.weight"], stride, "VALID")
            if config.conv_bias:
                x += self._weights[f"{layer}.conv.bias"]
            if config.feat_extract_norm == "layer":
                x = self._layer_norm(x, f"{layer}.layer_norm", _EPSILON)
            elif index == 0:
                x = self._layer_norm(x, f"{layer}.layer_norm", _EPSILON, axis=1)
            x = tf.nn.gelu(x)
        return x

    def _project(self, features: tf.Tensor) -> tf.Tensor:
        if self.config.feat_proj_layer_norm:
            features = self._layer_norm(features, "feature_projection.layer_norm")
        return self._dense(features, "feature_projection.projection")

    def _positions(self, x: tf.Tensor) -> tf.Tensor:
        """The convolutional positional embedding; an even kernel covers one frame less after than before."""
        half, odd = divmod(self.config.num_conv_pos_embeddings, 2)
        padded = tf.pad(x, ((0, 0), (half, half - 1 + odd), (0, 0)))
        convolved = tf.nn.conv1d(padded, self._weights[f"{_POSITIONS}.weight"], 1, "VALID")
        return tf.nn.gelu(convolved + self._weights[f"{_POSITIONS}.bias"])

    def _post_norm_layer(self, x: tf.Tensor, layer: str) -> tf.Tensor:
        x = self._layer_norm(x + self._attention(x, layer), f"{layer}.layer_norm")
        return self._layer_norm(x + self._feed_forward(x, layer), f"{layer}.final_layer_norm")

    def _pre_norm_layer(self, x: tf.Tensor, layer: str) -> tf.Tensor:
        x += self._attention(self._layer_norm(x, f"{layer}.layer_norm"), layer)
        return x + self._feed_forward(self._layer_norm(x, f"{layer}.final_layer_norm"), layer)

    def _attention(self, x: tf.Tensor, layer: str) -> tf.Tensor:
        heads, width = self.config.num_attention_heads, self.config.hidden_size
        batch, frames = tf.shape(x)[0], tf.shape(x)[1]

        def by_head(part: str) -> tf.Tensor:
            values = self._dense(x, f"{layer}.attention.{part}")
            return tf.transpose(tf.reshape(values, (batch, frames, heads, width // heads)), (0, 2, 1, 3))

        query = by_head("q_proj") * (width // heads) ** -0.5
        scores = tf.matmul(query, by_head("k_proj"), transpose_b=True)
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), by_head("v_proj")), (0, 2, 1, 3))
        return self._dense(tf.reshape(mixed, (batch, frames, width)), f"{layer}.attention.out_proj")

    def _feed_forward(self, x: tf.Tensor, layer: str) -> tf.Tensor:
        x = tf.nn.gelu(self._dense(x, f"{layer}.feed_forward.intermediate_dense"))
        return self._dense(x, f"{layer}.feed_forward.output_dense")

    def _dense(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return tf.tensordot(x, self._weights[f"{name}.weight"], 1) + self._weights[f"{name}.bias"]

    def _layer_norm(self, x: tf.Tensor, name: str, epsilon: float | None = None, axis: int = -1) -> tf.Tensor:
        """Normalises over the channels; over time (``axis=1``) it is group norm with a group a channel."""
        mean, variance = tf.nn.moments(x, axis, keepdims=True)
        epsilon = self.config.layer_norm_eps if epsilon is None else epsilon
        scale, shift = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return tf.nn.batch_normalization(x, mean, variance, shift, scale, epsilon)
