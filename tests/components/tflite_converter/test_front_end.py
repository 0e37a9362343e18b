"""The front end's files against the Keras layer and against a transform in float64."""

from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.frontend import LogMel, mel_matrix
from components.common.modeling.litert import LiteRtModel
from components.tflite_converter import checks
from components.tflite_converter.front_end import MatrixLogMel, front_end_file
from schemas.students import FrontEndSpec
from tests.components.tflite_converter.conftest import made_up_waveforms

SPEC = FrontEndSpec()


def exact(wave: np.ndarray, spec: FrontEndSpec) -> np.ndarray:
    length, hop = spec.frame_samples, spec.hop_samples
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    frames = [wave[hop * i : hop * i + length].astype(np.float64) * window for i in range(spec.frames)]
    spectrum = np.abs(np.fft.rfft(frames, spec.fft_size))
    return np.log(spectrum @ mel_matrix(spec) + spec.log_offset)


@pytest.mark.parametrize("form", ["fft", "matmul"])
def test_both_files_agree_with_the_layer_that_students_train_behind(form: str) -> None:
    model = LiteRtModel(front_end_file(SPEC, form))
    assert [one.name for one in model.inputs + model.outputs] == ["waveform", "log_mel"]
    silence = np.zeros((1, SPEC.window_samples), np.float32)
    for wave in np.concatenate([made_up_waveforms(12), silence]):
        np.testing.assert_allclose(
            model.run(wave[np.newaxis])[0], LogMel(SPEC)(wave[np.newaxis]).numpy(), atol=1e-3, rtol=0
        )


def test_products_are_exact_even_for_a_loud_pure_tone() -> None:
    # Between its harmonics a full-scale sine has nothing but rounding errors, in the Keras layer up to 0.003.
    model = LiteRtModel(front_end_file(SPEC, "matmul"))
    for wave in checks.sounds(SPEC.window_samples, SPEC.sample_rate, seed=0).values():
        np.testing.assert_allclose(model.run(wave[np.newaxis])[0][0], exact(wave, SPEC), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_samples": 401},
        {"frame_samples": 160},
        {"frame_samples": 512, "hop_samples": 200},
        {"frame_samples": 100, "hop_samples": 150, "fft_size": 256, "mels": 20},
    ],
)
def test_other_frames(changes: dict[str, int]) -> None:
    spec = FrontEndSpec(frames=10, **changes)
    wave = made_up_waveforms(1)[0, : spec.window_samples]
    np.testing.assert_allclose(MatrixLogMel(spec)(wave[np.newaxis])[0], exact(wave, spec), atol=1e-3, rtol=0)


def test_a_transform_that_cuts_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="256 points cuts frames of 400 samples"):
        MatrixLogMel(FrontEndSpec(fft_size=256))


def test_products_only() -> None:
    operators = flatbuffer.operators(flatbuffer.parse(front_end_file(SPEC, "matmul")))
    assert operators["FULLY_CONNECTED"] == 3
    assert not {"RFFT2D", "GATHER", "COMPLEX_ABS"} & set(operators)
