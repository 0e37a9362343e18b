"""What is served embeds a clip as the benchmark did that judged the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soxr

from components.noss_evaluator.embedding import embed
from components.noss_evaluator.features import ClipFeatures
from components.noss_evaluator.models_under_test import student_under_test
from schemas.records import NossClip
from schemas.tensors import VariantInput
from tests.components.common.package.serving.conftest import HOP, SPEC, PushedFolder, sound
from tests.components.noss_evaluator.helpers import make_clip, tone
from tests.components.tflite_converter.conftest import Converted

RATES = [8_000, 11_025, 22_050, 44_100, 44_101, 48_000]

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def clips() -> list[NossClip]:
    """Shorter than a window, a whole number of hops, and with tails of less and of more than half a hop."""
    return [
        make_clip("x", "test", index, tone(300.0 * (index + 1), index, seconds), "a")
        for index, seconds in enumerate([0.3, 0.975, 1.2, 1.6, 2.4, 3.9])
    ]


def judged(path: Path, kind: VariantInput, clips: Sequence[NossClip]) -> Array:
    """The benchmark's embeddings of the clips."""
    under_test = student_under_test(
        path, "student", f"{kind}-float32", kind, hashlib.sha256(path.read_bytes()).hexdigest(), workers=2
    )
    (found,) = embed(ClipFeatures(lambda: clips, SPEC, HOP, batch_windows=4), [under_test], workers=2)
    return found.matrix


@pytest.mark.parametrize("kind", get_args(VariantInput))
def test_tiny_files(
    script: Any, pushed_folder: PushedFolder, clips: list[NossClip], kind: VariantInput
) -> None:
    folder, _ = pushed_folder(kind)
    served = serve(script, folder / "model.tflite", folder)
    found = served.predict(None, [clip.audio for clip in clips])
    expected = judged(folder / "model.tflite", kind, clips)
    np.testing.assert_allclose(found, expected, atol=1e-4 if kind == "core" else 1e-6)


@pytest.fixture(scope="module")
def student_files(plain_student: Converted) -> dict[str, Path]:
    """The files of a student, by input."""
    return {
        kind: plain_student.folder / plain_student.variant(f"{kind}-float32").file
        for kind in get_args(VariantInput)
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", get_args(VariantInput))
def test_a_students_files(
    script: Any,
    pushed_folder: PushedFolder,
    student_files: dict[str, Path],
    clips: list[NossClip],
    kind: VariantInput,
) -> None:
    folder, _ = pushed_folder(kind)
    served = serve(script, student_files[kind], folder)
    expected = judged(student_files[kind], kind, clips)
    found = served.predict(None, [clip.audio for clip in clips])
    assert found.shape == (6, 64)
    assert np.all(centred_cosine(found, expected) > 0.9999)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_a_student_hears_no_difference_to_soxr(
    script: Any, pushed_folder: PushedFolder, student_files: dict[str, Path], rate: int
) -> None:
    folder, _ = pushed_folder("wave")
    served = serve(script, student_files["wave"], folder)
    clips = [tone_at(rate, pitch) for pitch in (300.0, 700.0, 1500.0, 3100.0)]
    found = served.predict(None, {"waveform": clips, "sample_rate": rate})
    expected = served.predict(None, [soxr.resample(clip, rate, 16_000, quality="HQ") for clip in clips])
    assert np.all(centred_cosine(found, expected) > 0.995)


@pytest.mark.parametrize("rate", RATES)
def test_log_mels_are_those_of_soxr(script: Any, rate: int) -> None:
    front_end = script.FrontEnd(SPEC.model_dump())
    clip = tone_at(rate, 440.0)
    ours, theirs = (
        front_end.log_mel(script.cut_windows(resampled, SPEC.window_samples, HOP))
        for resampled in (
            script.resample(clip, rate, 16_000),
            soxr.resample(clip, rate, 16_000, quality="HQ"),
        )
    )
    # A hundredth is 0.09 dB. Where sound ends, two steep filters never fall quite alike.
    difference = np.sort(np.abs(ours - theirs).max(axis=(0, 1)))
    assert difference[-3] < 0.03 and difference[-1] < 0.2


def tone_at(rate: int, pitch: float) -> Array:
    """Two seconds of a tone in noise."""
    return (0.3 * np.sin(2 * np.pi * pitch / rate * np.arange(2 * rate)) + 0.1 * sound(2 * rate)).astype(
        np.float32
    )


def serve(script: Any, model: Path, folder: Path) -> Any:
    made = script.Embedder()
    made.load(str(model), str(folder / "model.json"))
    return made


def centred_cosine(found: Array, expected: Array) -> Array:
    """Of each row, after the mean of the expected ones is taken away: what all clips share says nothing."""
    ours, theirs = found - expected.mean(0), expected - expected.mean(0)
    return np.sum(ours * theirs, axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
