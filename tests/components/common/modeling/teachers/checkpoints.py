"""Small random checkpoints in Hugging Face's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

Array = np.ndarray[Any, Any]

BASE: dict[str, Any] = {
    "model_type": "wav2vec2",
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "conv_dim": [6, 6, 8],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": 32,
}
STABLE = {**BASE, "do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
# Fewest samples: (((1 - 1) * 2 + 2 - 1) * 2 + 3 - 1) * 5 + 10.
SHORTEST = 30


def tensors(config: dict[str, Any], seed: int = 0) -> dict[str, Array]:
    """Random weights under the names that transformers gives them, the older names for weight norm."""
    rng = np.random.default_rng(seed)
    width, inner = config["hidden_size"], config["intermediate_size"]
    made: dict[str, Array] = {"masked_spec_embed": rng.uniform(size=width).astype(np.float32)}

    def put(name: str, *shape: int) -> None:
        spread = np.sqrt(2 / max(1, int(np.prod(shape[1:]))))
        made[name] = (rng.normal(size=shape) * spread).astype(np.float32)

    def affine(name: str, *shape: int) -> None:
        put(f"{name}.weight", *shape)
        put(f"{name}.bias", shape[0])

    sizes = [1, *config["conv_dim"]]
    for index, kernel in enumerate(config["conv_kernel"]):
        layer = f"feature_extractor.conv_layers.{index}"
        put(f"{layer}.conv.weight", sizes[index + 1], sizes[index], kernel)
        if config.get("conv_bias"):
            put(f"{layer}.conv.bias", sizes[index + 1])
        if index == 0 or config.get("feat_extract_norm") == "layer":
            affine(f"{layer}.layer_norm", sizes[index + 1])
    if config.get("feat_proj_layer_norm", True):
        affine("feature_projection.layer_norm", sizes[-1])
    affine("feature_projection.projection", width, sizes[-1])
    places, groups = config["num_conv_pos_embeddings"], config["num_conv_pos_embedding_groups"]
    put("encoder.pos_conv_embed.conv.weight_g", 1, 1, places)
    put("encoder.pos_conv_embed.conv.weight_v", width, width // groups, places)
    put("encoder.pos_conv_embed.conv.bias", width)
    affine("encoder.layer_norm", width)
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layers.{index}"
        for part in "qkv":
            affine(f"{layer}.attention.{part}_proj", width, width)
        affine(f"{layer}.attention.out_proj", width, width)
        affine(f"{layer}.layer_norm", width)
        affine(f"{layer}.feed_forward.intermediate_dense", inner, width)
        affine(f"{layer}.feed_forward.output_dense", width, inner)
        affine(f"{layer}.final_layer_norm", width)
    return made


def save_checkpoint(
    folder: Path,
    config: dict[str, Any] = BASE,
    weights: dict[str, Array] | None = None,
    normalise: bool | None = True,
) -> Path:
    """Writes ``config.json``, ``model.safetensors`` and, unless ``None``, ``preprocessor_config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(tensors(config) if weights is None else weights, folder / "model.safetensors")
    if normalise is not None:
        content = {"do_normalize": normalise, "sampling_rate": 16_000, "feature_size": 1}
        (folder / "preprocessor_config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
