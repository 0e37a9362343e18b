"""The audio spectrogram transformer: sizes, geometry, tokens, positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from components.common.modeling.architectures.audio_spectrogram_transformer import AudioSpectrogramTransformer
from components.common.modeling.transformer import SelfAttention, TokensAndPositions, fit_positions
from tests.components.common.modeling.architectures.converted import least_agreement, student

AST = "audio_spectrogram_transformer"
SMALL: dict[str, Any] = {"name": AST, "width": 32, "depth": 2, "heads": 4}


def _count(hidden: int, places: int, width: int = 768, depth: int = 12) -> int:
    """Derived by hand: patches, places and tokens, blocks, last norm, bottleneck, moments of the input."""
    patches = 16 * 16 * width + width
    attention = 3 * (width**2 + width) + width**2 + width
    perceptron = 2 * width * hidden + hidden + width
    blocks = depth * (attention + perceptron + 2 * 2 * width)
    return patches + (places + 2) * width + blocks + 2 * width + width * 1024 + 1024 + 2


@pytest.mark.slow
def test_size_of_trillsson5() -> None:
    # 195 x 80 in steps of 10: 18 x 7 places.
    built = student({"name": AST})
    assert built.parameters == _count(hidden=3208, places=18 * 7) == 88_647_522


@pytest.mark.slow
def test_a_block_of_full_width_converts() -> None:
    assert least_agreement(student({"name": AST, "depth": 1})) > 0.9999


@pytest.mark.slow
def test_size_of_trillsson4() -> None:
    built = student({"name": AST, "mlp_ratio": 2.4})
    assert built.parameters == _count(hidden=1840, places=18 * 7) == 63_416_130


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["gap", "token", "flatten"])
def test_conversion(pooling: str) -> None:
    assert least_agreement(student(SMALL, pooling=pooling)) > 0.9999


def test_geometry_follows_the_patch_and_its_overlap() -> None:
    # (96 - 16) / 10 + 1 = 9; (64 - 16) / 10 + 1 = 5.8: five whole ones.
    assert AudioSpectrogramTransformer().map_shape(96, 64) == (9, 5, 768)
    whole_bands = AudioSpectrogramTransformer(patch=(4, 64), stride=(2, 64))
    assert whole_bands.map_shape(96, 64) == (47, 1, 768)


def test_impossible_parameters() -> None:
    with pytest.raises(ValidationError, match="heads 5 must divide the width 768"):
        AudioSpectrogramTransformer(heads=5)
    with pytest.raises(ValidationError, match="stride 20 mels must be from 1 to the patch's 16"):
        AudioSpectrogramTransformer(stride=(10, 20))


def test_summary_is_the_mean_of_the_tokens() -> None:
    network = AudioSpectrogramTransformer.model_validate(SMALL).build(96, 64, 0.95)
    grid, summary = network(np.ones((2, 96, 64), np.float32))
    assert grid.shape == (2, 9, 5, 32)
    sequence = network.get_layer("norm").output
    both = type(network)(network.input, sequence)(np.ones((2, 96, 64), np.float32))
    np.testing.assert_allclose(summary, np.mean(both[:, :2], axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.reshape(grid, (2, 45, 32)), both[:, 2:])


def test_tokens_come_first_and_places_keep_their_order() -> None:
    layer = TokensAndPositions()
    grid = np.arange(2 * 3 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 4)
    layer.build(grid.shape)
    tokens, positions = np.full((2, 4), 7.0), np.zeros((3, 2, 4))
    positions[2, 1] = 0.5
    layer.set_weights([tokens, positions])
    sequence = layer(grid).numpy()
    assert (sequence[:, :2] == 7).all()
    assert (sequence[:, 2:7] == grid.reshape(2, 6, 4)[:, :5]).all()
    assert (sequence[:, 7] == grid[:, 2, 1] + 0.5).all()


def test_attention_against_numpy() -> None:
    random = np.random.default_rng(3)
    projected = random.normal(size=(1, 5, 3 * 4)).astype(np.float32)
    query, key, value = np.split(projected[0], 3, axis=1)
    expected = np.empty((5, 4))
    for head in (slice(0, 2), slice(2, 4)):
        scores = np.exp(query[:, head] @ key[:, head].T / np.sqrt(2))
        expected[:, head] = scores / scores.sum(axis=1, keepdims=True) @ value[:, head]
    np.testing.assert_allclose(SelfAttention(2)(projected)[0], expected, rtol=1e-5, atol=1e-6)


def test_dropout_is_only_there_when_asked_for() -> None:
    def dropping(dropout: float) -> list[str]:
        spec = AudioSpectrogramTransformer.model_validate({**SMALL, "dropout": dropout})
        return [layer.name for layer in spec.build(96, 64, 0.95).layers if "dropout" in layer.name]

    assert dropping(0.0) == []
    assert len(dropping(0.1)) == 2 * 2


def _wave(time: int, frequency: int) -> np.ndarray[Any, Any]:
    """A smooth surface over the patch, sampled at the centres of a grid."""
    along = (np.arange(time) + 0.5) / time
    across = (np.arange(frequency) + 0.5) / frequency
    surface = np.sin(3 * along)[:, None] + np.cos(2 * across)[None, :]
    return np.stack([surface, 2 * surface], axis=-1).astype(np.float32)


def test_positions_fit_another_grid() -> None:
    np.testing.assert_allclose(fit_positions(_wave(40, 20), 60, 14), _wave(60, 14), atol=0.06)
    inner = np.s_[2:-2, 2:-2]  # the rim is held, not extrapolated
    np.testing.assert_allclose(fit_positions(_wave(40, 20), 60, 14)[inner], _wave(60, 14)[inner], atol=5e-3)


def test_positions_fit_their_own_grid_exactly() -> None:
    np.testing.assert_array_equal(fit_positions(_wave(9, 5), 9, 5), _wave(9, 5))


def test_weights_of_one_patch_length_start_another() -> None:
    spec = AudioSpectrogramTransformer.model_validate(SMALL)
    short, long = spec.build(96, 64, 0.95), spec.build(195, 64, 0.95)
    shape = spec.map_shape(195, 64)
    for layer in short.layers:
        weights = layer.get_weights()
        if isinstance(layer, TokensAndPositions):
            tokens, positions = weights
            weights = [tokens, fit_positions(positions, shape.time, shape.frequency)]
        long.get_layer(layer.name).set_weights(weights)
    steady = np.full((1, 195, 64), -2.0, np.float32)
    of_long, of_short = long(steady)[1].numpy()[0], short(steady[:, :96])[1].numpy()[0]
    assert of_long @ of_short / np.linalg.norm(of_long) / np.linalg.norm(of_short) > 0.99
