from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.tflite_converter import checks
from components.tflite_converter.settings import ParityFloor
from schemas.tflite_reports import Behaviour

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
    checks.write_golden(path, np.ones((2, 5), np.float32), np.zeros((2, 3), np.float32))
    with np.load(path, allow_pickle=False) as golden:
        assert golden[checks.GOLDEN_INPUT].shape == (2, 5)
        assert golden[checks.GOLDEN_EMBEDDING].shape == (2, 3)
