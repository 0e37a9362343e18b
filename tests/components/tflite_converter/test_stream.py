"""Stream files against the wave file of the same student, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from components.common.modeling.stream_model import StreamModel
from components.tflite_converter.conversion import ConversionRefused
from components.tflite_converter.executor import convert_student
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.settings import ConverterSettings
from components.tflite_converter.stream import stream_front_end_file
from schemas.students import FrontEndSpec
from schemas.tflite_reports import Precision
from tests.components.tflite_converter.conftest import FRONT_END, Converted, made_up_waveforms

Array = np.ndarray[Any, np.dtype[np.float32]]


def sound_with_silence(seconds: float) -> Array:
    """Noise and chirps, of which the third fifth is digital silence."""
    samples = int(seconds * FRONT_END.sample_rate)
    sound = np.concatenate(list(made_up_waveforms(samples // FRONT_END.window_samples + 1)))[:samples]
    sound[2 * samples // 5 : 3 * samples // 5] = 0
    return sound


def stream(model: LiteRtModel, sound: Array) -> Iterator[list[Array]]:
    """The outputs of each chunk of a sound, from a state of zeros."""
    source, *states = model.inputs
    state = [np.zeros(one.shape, np.float32) for one in states]
    chunk = source.shape[1]
    for start in range(0, len(sound) - chunk + 1, chunk):
        outputs = model.run(sound[np.newaxis, start : start + chunk], *state)
        state = outputs[len(outputs) - len(states) :]
        yield outputs


def last_windows(sound: Array, chunk: int, window: int) -> Iterator[Array]:
    """The window that ends with each chunk, silent before the sound began."""
    padded = np.concatenate([np.zeros(window, np.float32), sound])
    for end in range(chunk, len(sound) + 1, chunk):
        yield padded[np.newaxis, end : end + window]


@pytest.mark.parametrize("form", ["fft", "matmul"])
@pytest.mark.parametrize(
    ("changes", "new", "states"),
    [
        ({}, 10, ["state_frames", "state_samples"]),
        ({}, 1, ["state_frames", "state_samples"]),
        ({}, 96, ["state_samples"]),
        ({"frame_samples": 160}, 24, ["state_frames"]),
        ({"mels": 40, "hop_samples": 320, "frames": 48, "lower_hz": 60, "upper_hz": 3800}, 5,
         ["state_frames", "state_samples"]),
        ({"frame_samples": 401, "hop_samples": 200, "frames": 77, "log_offset": 0.01}, 8,
         ["state_frames", "state_samples"]),
    ],
)  # fmt: skip
def test_every_patch_is_that_of_its_window_bit_for_bit(
    form: Any, changes: dict[str, Any], new: int, states: list[str]
) -> None:
    spec = FRONT_END.model_copy(update=changes)
    offline = LiteRtModel(front_end_file(spec, form))
    model = LiteRtModel(stream_front_end_file(spec, new, form))
    assert [one.name for one in model.inputs] == ["samples", *states]
    assert [one.name for one in model.outputs] == ["log_mel", *(f"next_{name}" for name in states)]
    sound, chunk = sound_with_silence(3.0), new * spec.hop_samples
    windows = last_windows(sound, chunk, spec.window_samples)
    for outputs, window in zip(stream(model, sound), windows, strict=True):
        np.testing.assert_array_equal(outputs[0], offline.run(window)[0])


def test_a_stream_without_state_is_the_wave_file() -> None:
    spec = FRONT_END.model_copy(update={"frame_samples": 160})
    with pytest.raises(ConversionRefused, match="windows without state: take the wave file"):
        stream_front_end_file(spec, 96, "matmul")
    spec = FrontEndSpec(frame_samples=100, hop_samples=150, fft_size=256, mels=20)
    with pytest.raises(ConversionRefused, match="frames of 100 samples leave sound out"):
        stream_front_end_file(spec, 8, "matmul")


@pytest.mark.slow
@pytest.mark.parametrize("precision", [one for one in get_args(Precision) if one != "int8io"])
def test_every_embedding_is_that_of_its_window(plain: Converted, precision: str) -> None:
    wave = LiteRtModel(plain.content(f"wave-{precision}"))
    model = LiteRtModel(plain.content(f"stream-{precision}"))
    sound = sound_with_silence(4.0)
    windows = last_windows(sound, 3840, FRONT_END.window_samples)
    answers = [
        (one[0], wave.run(window)[0]) for one, window in zip(stream(model, sound), windows, strict=True)
    ]
    assert len(answers) == 16
    for found, expected in answers:
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_a_file_with_frames_gives_them_in_a_stream_too(framed: Converted) -> None:
    names = [one.name for one in framed.variant("stream-float32").outputs]
    assert names == ["embedding", "frames", "next_state_frames", "next_state_samples"]
    wave, model = (LiteRtModel(framed.content(f"{kind}-float32")) for kind in ("wave", "stream"))
    sound = sound_with_silence(2.0)
    for outputs, window in zip(stream(model, sound), last_windows(sound, 3840, 15_600), strict=True):
        for found, expected in zip(outputs[:2], wave.run(window), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_what_was_not_a_number_is_gone_with_its_window(plain: Converted) -> None:
    model = LiteRtModel(plain.content("stream-float32"))
    sound = sound_with_silence(3.0)
    spoilt = sound.copy()
    spoilt[5000] = np.nan
    pairs = zip(stream(model, sound), stream(model, spoilt), strict=True)
    same = [np.array_equal(clean[0], other[0]) for clean, other in pairs]
    # Sample 5000 is in the second chunk of 3840, and in the windows of 15,600 that end by sample 20,600.
    assert same == [True, *[False] * 4, *[True] * 7]


@pytest.mark.slow
def test_the_answer_to_a_window_goes_through_the_state(plain: Converted) -> None:
    windows = made_up_waveforms(3)
    expected = LiteRtModel(plain.content("wave-float32")).run_each(windows)
    model = StreamModel(plain.content("stream-float32"))
    np.testing.assert_allclose(model.run_each(windows), expected, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="no stream file: it has no state"):
        StreamModel(plain.content("wave-float32")).run_each(windows)


def test_a_chunk_is_a_whole_number_of_frames() -> None:
    assert ConverterSettings().stream_frames(FRONT_END) == 24
    assert ConverterSettings(stream_hop_s=0.1).stream_frames(FRONT_END) == 10
    assert ConverterSettings(stream_hop_s=0.96).stream_frames(FRONT_END) == 96
    slow = FRONT_END.model_copy(update={"hop_samples": 200, "frames": 77})
    accepted = "accepted for frames 0.0125 s apart, 77 to a window: a multiple of 0.0125, at most 0.9625"
    with pytest.raises(ValueError, match=f"stream_hop_s is 0.24; {accepted}"):
        ConverterSettings().stream_frames(slow)
    for hop_s in (0.97, 0.004):
        with pytest.raises(ValueError, match=f"stream_hop_s is {hop_s:g}"):
            ConverterSettings(stream_hop_s=hop_s).stream_frames(FRONT_END)


@pytest.mark.slow
def test_a_chunk_that_does_not_fit_refuses_the_stream_files_alone(plain: Converted, tmp_path: Any) -> None:
    settings = ConverterSettings(variants=("core-float32", "stream-float32"), stream_hop_s=0.25005)
    report = convert_student(plain.model_uri, plain.windows_uri, str(tmp_path), settings)
    assert [one.name for one in report.accepted] == ["core-float32"]
    assert report.variants[1].reason.startswith("stream_hop_s is 0.25005; accepted for frames 0.01 s apart")
