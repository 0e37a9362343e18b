from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.tflite_converter.windows import draw_windows
from tests.components.tflite_converter.conftest import write_windows


def test_longer_windows_are_cut_to_their_first_patch(tmp_path: Path) -> None:
    folder = write_windows(tmp_path, count=4)
    whole = draw_windows(folder, "eval", 3, samples=15_600, seed=1)
    cut = draw_windows(folder, "eval", 3, samples=9_000, seed=1)
    assert whole.shape == (3, 15_600)
    np.testing.assert_array_equal(cut, whole[:, :9_000])


def test_the_seed_chooses_and_the_split_counts(tmp_path: Path) -> None:
    folder = write_windows(tmp_path, count=6)
    first = draw_windows(folder, "train", 2, 15_600, seed=1)
    np.testing.assert_array_equal(draw_windows(folder, "train", 2, 15_600, seed=1), first)
    assert not np.array_equal(draw_windows(folder, "train", 2, 15_600, seed=2), first)
    assert not np.array_equal(draw_windows(folder, "eval", 2, 15_600, seed=1), first)
    assert len(draw_windows(folder, "train", 100, 15_600, seed=1)) == 6


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no window in split 'train'"):
        draw_windows(str(tmp_path), "train", 1, 15_600, seed=0)
