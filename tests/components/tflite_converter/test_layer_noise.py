from __future__ import annotations

import numpy as np
import pytest

from components.tflite_converter.layer_noise import HIGHEST_DB, layer_noise, layer_values, snr_db
from tests.components.tflite_converter.conftest import Converted


def test_ratio_by_hand() -> None:
    # Power of (3, 4): 25. Power of the difference (0.5, 0): 0.25. 10 log10(100) = 20 dB.
    assert snr_db(np.array([3.0, 4.0]), np.array([3.5, 4.0])) == pytest.approx(20)
    assert snr_db(np.array([1.0]), np.array([1.0])) == HIGHEST_DB
    assert snr_db(np.array([0.0]), np.array([1.0])) == -HIGHEST_DB
    assert snr_db(np.array([1.0]), np.array([1.0 + 1e-9])) == HIGHEST_DB


@pytest.mark.slow
def test_a_file_is_not_noisy_against_itself(plain: Converted) -> None:
    content = plain.content("core-float32")
    patches = np.random.default_rng(0).normal(-3, 2, (2, 96, 64)).astype(np.float32)
    floats = layer_values(content, patches)
    layers = layer_noise(content, floats, patches)
    assert [layer.name for layer in layers] == list(floats)
    assert layers[-1].name == "embedding"
    assert {layer.snr_db for layer in layers} == {HIGHEST_DB}
    embedding = floats["embedding"]
    assert embedding.shape == (2, 64)
    assert (layers[-1].low, layers[-1].high) == (embedding.min(), embedding.max())
