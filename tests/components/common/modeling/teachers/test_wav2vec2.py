"""The encoder against the same network written in NumPy, one sound at a time, channels first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from components.common.modeling.teachers import TeacherError
from components.common.modeling.teachers.wav2vec2 import EncoderConfig, Wav2Vec2Encoder, encoder_weights
from tests.components.common.modeling.teachers.checkpoints import BASE, SHORTEST, STABLE, Array, tensors

HUBERT = {**BASE, "model_type": "hubert", "feat_proj_layer_norm": False, "num_conv_pos_embeddings": 5}
POSITIONS = "encoder.pos_conv_embed.conv"


def gelu(x: Array) -> Array:
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def convolve(x: Array, kernel: Array, stride: int = 1) -> Array:
    """``(channels, time)`` by ``(out, channels, places)`` to ``(out, time)``."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2], axis=1)[:, ::stride]
    return np.einsum("ctk,ock->ot", windows, kernel)


def straight_states(config: dict[str, Any], w: dict[str, Array], wave: Array) -> list[Array]:
    """All hidden states ``(frames, width)`` of one sound."""

    def norm(x: Array, name: str, axis: int = -1) -> Array:
        centred = x - x.mean(axis, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def dense(x: Array, name: str) -> Array:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def attend(x: Array, name: str) -> Array:
        size = config["hidden_size"] // config["num_attention_heads"]
        mixed = []
        for head in range(config["num_attention_heads"]):
            mine = slice(head * size, (head + 1) * size)
            q, k, v = (dense(x, f"{name}.{part}_proj")[:, mine] for part in "qkv")
            powers = np.exp(q @ k.T / math.sqrt(size))
            mixed.append(powers / powers.sum(axis=1, keepdims=True) @ v)
        return dense(np.concatenate(mixed, axis=1), f"{name}.out_proj")

    def feed(x: Array, name: str) -> Array:
        return dense(gelu(dense(x, f"{name}.intermediate_dense")), f"{name}.output_dense")

    x, each = wave[None].astype(np.float64), config.get("feat_extract_norm") == "layer"
    for index, stride in enumerate(config["conv_stride"]):
        layer = f"feature_extractor.conv_layers.{index}"
        x = convolve(x, w[f"{layer}.conv.weight"], stride)
        x += w.get(f"{layer}.conv.bias", np.zeros(len(x)))[:, None]
        if each or index == 0:
            x = norm(x.T, f"{layer}.layer_norm", axis=-1 if each else 0).T
        x = gelu(x)
    x = norm(x.T, "feature_projection.layer_norm") if config.get("feat_proj_layer_norm", True) else x.T
    x = dense(x, "feature_projection.projection")

    v, places = w[f"{POSITIONS}.weight_v"], config["num_conv_pos_embeddings"]
    kernel = w[f"{POSITIONS}.weight_g"] * v / np.sqrt((v**2).sum(axis=(0, 1)))
    padded = np.pad(x.T, ((0, 0), (places // 2, places // 2)))
    groups = config["num_conv_pos_embedding_groups"]
    parts = zip(np.split(padded, groups), np.split(kernel, groups), strict=True)
    placed = np.concatenate([convolve(part, filters) for part, filters in parts])[:, : len(x)]
    x = x + gelu(placed.T + w[f"{POSITIONS}.bias"])

    stable = config.get("do_stable_layer_norm", False)
    states = [x if stable else norm(x, "encoder.layer_norm")]
    for index in range(config["num_hidden_layers"]):
        layer, x = f"encoder.layers.{index}", states[-1]
        if stable:
            x = x + attend(norm(x, f"{layer}.layer_norm"), f"{layer}.attention")
            x = x + feed(norm(x, f"{layer}.final_layer_norm"), f"{layer}.feed_forward")
        else:
            x = norm(x + attend(x, f"{layer}.attention"), f"{layer}.layer_norm")
            x = norm(x + feed(x, f"{layer}.feed_forward"), f"{layer}.final_layer_norm")
        states.append(x)
    return [*states[:-1], norm(states[-1], "encoder.layer_norm")] if stable else states


def encoder(config: dict[str, Any], weights: dict[str, Array]) -> Wav2Vec2Encoder:
    parsed = EncoderConfig.model_validate(config)
    return Wav2Vec2Encoder(parsed, encoder_weights(weights, parsed))


def sounds(count: int, samples: int) -> Array:
    return np.random.default_rng(3).normal(size=(count, samples)).astype(np.float32)


@pytest.mark.parametrize("config", [BASE, STABLE, HUBERT], ids=["base", "stable", "hubert"])
@pytest.mark.parametrize("samples", [SHORTEST, 211, 1600])
def test_hidden_states_equal_the_straight_computation(config: dict[str, Any], samples: int) -> None:
    weights = tensors(config)
    waveforms = sounds(2, samples)
    states = encoder(config, weights).hidden_states(waveforms, range(4))
    assert len(states) == 4
    for number, waveform in enumerate(waveforms):
        for state, expected in zip(states, straight_states(config, weights, waveform), strict=True):
            np.testing.assert_allclose(state[number], expected, rtol=1e-4, atol=2e-5)


def test_published_convolutions_hear_400_samples_and_give_a_frame_each_320() -> None:
    published = {
        **BASE,
        "conv_dim": [4] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5] + [2] * 6,
    }
    network = encoder(published, tensors(published))
    assert network.config.shortest == 400
    for samples, frames in ((400, 1), (719, 1), (720, 2), (16_000, 49)):
        assert network.hidden_states(sounds(1, samples), [0])[0].shape == (1, frames, 12)


def test_layers_above_the_wanted_one_are_not_computed() -> None:
    parsed, waveforms = EncoderConfig.model_validate(BASE), sounds(1, 200)
    weights = encoder_weights(tensors(BASE), parsed)
    lower = {name: value for name, value in weights.items() if not name.startswith("encoder.layers.2")}
    [expected] = Wav2Vec2Encoder(parsed, weights).hidden_states(waveforms, [2])
    np.testing.assert_array_equal(Wav2Vec2Encoder(parsed, lower).hidden_states(waveforms, [2])[0], expected)


def test_weight_norm_scales_each_place_of_the_kernel() -> None:
    parsed, weights = EncoderConfig.model_validate(BASE), tensors(BASE)
    kernel = encoder_weights(weights, parsed)[f"{POSITIONS}.weight"]
    norms = np.sqrt((kernel**2).sum(axis=(0, 1)))
    np.testing.assert_allclose(norms, np.abs(weights[f"{POSITIONS}.weight_g"]).ravel(), rtol=1e-5)

    weights[f"{POSITIONS}.weight_v"] *= 7
    np.testing.assert_allclose(encoder_weights(weights, parsed)[f"{POSITIONS}.weight"], kernel, rtol=1e-5)

    renamed = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): value
        for name, value in weights.items()
    }
    assert f"{POSITIONS}.parametrizations.weight.original1" in renamed
    np.testing.assert_allclose(encoder_weights(renamed, parsed)[f"{POSITIONS}.weight"], kernel, rtol=1e-5)


@pytest.mark.parametrize("prefix", ["wav2vec2.", "hubert."])
def test_a_task_head_is_left_out(prefix: str) -> None:
    parsed, weights = EncoderConfig.model_validate(BASE), tensors(BASE)
    model = {prefix + name: value for name, value in weights.items()} | {"lm_head.weight": np.ones((32, 12))}
    found, expected = encoder_weights(model, parsed), encoder_weights(weights, parsed)
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_names_every_weight_that_does_not_fit() -> None:
    weights = tensors(BASE)
    weights["adapter.layers.0.conv.weight"] = weights.pop("encoder.layers.1.attention.q_proj.bias")
    weights["encoder.layer_norm.bias"] = np.zeros(5, np.float32)
    del weights[f"{POSITIONS}.weight_g"]
    with pytest.raises(TeacherError) as caught:
        encoder_weights(weights, EncoderConfig.model_validate(BASE))
    assert str(caught.value).split("\n  ") == [
        "the weights are not those of config.json (5 differences):",
        "missing: encoder.layers.1.attention.q_proj.bias",
        f"missing: {POSITIONS}.weight",
        "unexpected: adapter.layers.0.conv.weight",
        f"unexpected: {POSITIONS}.weight_v",
        "encoder.layer_norm.bias has the shape (5,), expected (12,)",
    ]
