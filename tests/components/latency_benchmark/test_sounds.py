from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.latency_benchmark import sounds
from schemas.tensors import TensorInfo


def test_inputs_fit_the_tensor_and_come_from_the_seed(tmp_path: Path) -> None:
    for name, shape in (("waveform", [1, 15_600]), ("log_mel", [1, 96, 64])):
        value = np.load(sounds.write_input(TensorInfo(name=name, shape=shape, dtype="float32"), tmp_path, 1))
        assert (list(value.shape), value.dtype) == (shape, np.float32)
    np.testing.assert_array_equal(sounds.waveform(100, seed=1), sounds.waveform(100, seed=1))
    assert (sounds.waveform(100, seed=1) != sounds.waveform(100, seed=2)).any()


def test_levels_are_those_of_speech() -> None:
    assert np.abs(sounds.waveform(15_600, seed=0)).max() == pytest.approx(0.5)
    patch = sounds.log_mel(96, 64, seed=0)
    assert patch.min() >= np.log(0.001) - 1e-6
    assert -5 < patch.mean() < 0


@pytest.mark.parametrize(
    ("shape", "dtype"), [([15_600], "float32"), ([2, 96, 64], "float32"), ([1, 9], "int8")]
)
def test_other_inputs_are_refused(tmp_path: Path, shape: list[int], dtype: str) -> None:
    with pytest.raises(ValueError, match="a student takes float32"):
        sounds.write_input(TensorInfo(name="x", shape=shape, dtype=dtype), tmp_path, 0)
