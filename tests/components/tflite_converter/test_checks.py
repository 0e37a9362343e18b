from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from components.latency_benchmark.reference import reference_model
from components.tflite_converter import checks
from components.tflite_converter.settings import ConverterSettings, ParityFloor
from schemas.tflite_reports import Behaviour, Parity, Precision

FLOOR = ParityFloor(cosine_mean=0.9, cosine_min=0.5)


def test_parity_by_hand() -> None:
    # Cosines: (1,0)·(1,0) = 1, and (1,1)·(1,0) / sqrt(2) = 0.7071. Largest difference: 1.
    found = checks.parity(np.array([[1, 0], [1, 1]], np.float32), np.array([[1, 0], [1, 0]], np.float32))
    assert found is not None
    assert found.n == 2
    assert found.cosine_mean == pytest.approx((1 + 2**-0.5) / 2)
    assert found.cosine_min == pytest.approx(2**-0.5)
    assert found.max_abs_difference == 1


def test_centred_cosine_sees_what_a_common_offset_hides() -> None:
    # The offset (100, 0) makes every cosine almost 1, though the files disagree in all that varies.
    expected = np.array([[100, 1], [100, -1]], np.float32)
    found = checks.parity(expected * np.array([1, -1], np.float32), expected)
    assert found is not None
    assert found.cosine_mean > 0.999
    assert found.centred_cosine == pytest.approx(-1)


def test_spread_by_hand() -> None:
    # Mean (3, 4), from which each row is 1 away; squared lengths 32 and 20.
    expected = np.array([[4, 4], [2, 4]], np.float32)
    found = checks.parity(expected, expected)
    assert found is not None
    assert found.spread == pytest.approx((2 / (32 + 20)) ** 0.5)


def collapsed(spread: float, noise: float) -> Parity:
    """64 embeddings around one vector of length 1, and a file that adds noise to each."""
    random = np.random.default_rng(1)
    mean = np.full(256, 1 / 16)
    expected = mean + random.normal(0, spread / 16, (64, 256))
    found = checks.parity(
        (expected + random.normal(0, noise / 16, (64, 256))).astype(np.float32), expected.astype(np.float32)
    )
    assert found is not None
    return found


def test_a_collapsed_student_does_not_pass_by_its_mean() -> None:
    # Noise six times as large as what varies: cosine 1 / sqrt(1 + 36) = 0.16 without the mean.
    found = collapsed(spread=1e-3, noise=6e-3)
    assert found.cosine_min > 0.9999
    assert found.centred_cosine == pytest.approx(0.16, abs=0.03)
    for precision in get_args(Precision):
        (reason,) = checks.refusal(ConverterSettings().floor(precision), found, []).split("; ")
        assert reason.startswith("mean cosine to the student without the mean embedding 0.1")
        assert "(embeddings spread by 0.00099 of their length)" in reason


def test_noise_below_what_varies_passes() -> None:
    # The same noise, where embeddings vary by a third of their length.
    found = collapsed(spread=0.3, noise=6e-3)
    assert not checks.refusal(ConverterSettings().floor("float32"), found, [])


def test_a_spread_of_rounding_is_refused_whatever_the_cosine_says() -> None:
    found = collapsed(spread=1e-7, noise=0)
    assert "hardly differ from window to window" in checks.refusal(FLOOR, found, [])
    same = np.ones((8, 4), np.float32)
    assert "spread is 0.0e+00" in checks.refusal(FLOOR, checks.parity(same, same), [])
    null = np.zeros((8, 4), np.float32)
    assert "spread is 0.0e+00" in checks.refusal(FLOOR, checks.parity(null, null), [])


def test_null_vectors() -> None:
    found = checks.parity(np.array([[0, 0], [0, 0]], np.float32), np.array([[0, 0], [1, 0]], np.float32))
    assert found is not None
    assert (found.cosine_mean, found.cosine_min) == (0.5, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_parity_where_a_value_is_not_finite(bad: float) -> None:
    assert checks.parity(np.array([[1, bad]], np.float32), np.ones((1, 2), np.float32)) is None
    assert "held-out windows are not finite" in checks.refusal(FLOOR, None, [])


def test_refusal_names_the_figure_and_the_floor() -> None:
    found = checks.parity(np.array([[1, 1]], np.float32), np.array([[1, 0]], np.float32))
    assert checks.refusal(FLOOR, found, []) == "mean cosine to the student 0.707107 is below 0.9"
    strict = ParityFloor(cosine_mean=0.5, cosine_min=0.8)
    assert checks.refusal(strict, found, []) == "least cosine to the student 0.707107 is below 0.8"


def test_a_sound_without_a_finite_answer_refuses() -> None:
    found = checks.parity(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))
    answer = Behaviour(sound="silence", finite=False, norm=0.0)
    assert checks.refusal(FLOOR, found, [answer]) == "the embedding of silence is not finite"


def test_the_three_sounds() -> None:
    sounds = checks.sounds(16_000, 16_000, seed=1)
    assert not sounds[checks.SILENCE].any()
    assert 0.9 < np.abs(sounds[checks.NOISE]).max() <= 1
    assert np.argmax(np.abs(np.fft.rfft(sounds[checks.SINE]))) == 440


def test_golden_vectors_are_plain_arrays(tmp_path: Path) -> None:
    path = tmp_path / "golden.npz"
    model = LiteRtModel(reference_model())
    checks.write_golden(path, model, np.ones((2, 5), np.float32), np.zeros((2, 3), np.float32))
    with np.load(path, allow_pickle=False) as golden:
        assert golden.files == [checks.GOLDEN_INPUT, checks.GOLDEN_EMBEDDING]
        assert golden[checks.GOLDEN_INPUT].shape == (2, 5)
        assert golden[checks.GOLDEN_EMBEDDING].shape == (2, 3)
