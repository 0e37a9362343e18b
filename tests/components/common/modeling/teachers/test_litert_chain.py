"""Chains of TFLite files against straight computations with the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from components.common.modeling.teachers import TeacherError, load_teacher
from components.common.modeling.teachers.base import Array
from schemas.teachers import ConcatTeacher, SlidingWindows, TfliteStage, TfliteTeacher


def yamnet(models: Path, **options: int) -> TfliteTeacher:
    return TfliteTeacher(
        name="YAMNet", stages=(TfliteStage(file=str(models / "yamnet_embedding.tflite")),), **options
    )


def speech_embedding(models: Path, pool: str = "mean") -> TfliteTeacher:
    windows = SlidingWindows.model_validate({"frames": 76, "hop": 8, "pool": pool})
    return TfliteTeacher(
        name="speech_embedding",
        stages=(
            TfliteStage(file=str(models / "melspectrogram.tflite"), scale=32768),
            TfliteStage(file=str(models / "embedding_model.tflite"), scale=0.1, offset=2, windows=windows),
        ),
    )


def sound(count: int, samples: int) -> Array:
    rng = np.random.default_rng(5)
    levels = rng.uniform(0.01, 0.5, (count, 1))
    return (rng.normal(size=(count, samples)) * levels).clip(-1, 1).astype(np.float32)


def straight_speech_embedding(models: Path, waveform: Array) -> Array:
    """One waveform ``(15600,)`` to the three 96-d vectors, file by file."""
    mel = LiteRtModel(models / "melspectrogram.tflite")
    mel.resize_input(0, (1, len(waveform)))
    frames = mel.run(waveform[None] * np.float32(32768))[0].reshape(-1, 32) / 10 + 2
    embed = LiteRtModel(models / "embedding_model.tflite")
    embed.resize_input(0, (1, 76, 32, 1))
    starts = range(0, len(frames) - 75, 8)
    return np.stack([embed.run(frames[s : s + 76].reshape(1, 76, 32, 1))[0].reshape(96) for s in starts])


def test_pair_equals_the_straight_computation(shared_models: Path) -> None:
    spec = ConcatTeacher(teachers=(yamnet(shared_models), speech_embedding(shared_models)))
    teacher = load_teacher(spec)
    waveforms = sound(3, 15_600)
    embeddings = teacher.embed(waveforms)

    assert embeddings.shape == (3, 1120)
    assert embeddings.dtype == np.float32
    assert (teacher.dim, teacher.blocks) == (1120, [1024, 96])
    assert teacher.description == "YAMNet + speech_embedding"
    events = LiteRtModel(shared_models / "yamnet_embedding.tflite")
    for waveform, embedding in zip(waveforms, embeddings, strict=True):
        vectors = straight_speech_embedding(shared_models, waveform)
        assert vectors.shape == (3, 96)
        np.testing.assert_allclose(embedding[:1024], events.run(waveform[None])[0][0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(embedding[1024:], vectors.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_a_sound_does_not_depend_on_its_neighbours_in_the_batch(shared_models: Path) -> None:
    teacher = load_teacher(speech_embedding(shared_models))
    quiet = sound(1, 15_600) * np.float32(0.01)
    alone = teacher.embed(quiet)
    together = teacher.embed(np.concatenate([quiet, sound(1, 15_600) * np.float32(1.9)]))
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-4)


def test_flatten_keeps_the_order_of_the_windows(shared_models: Path) -> None:
    waveform = sound(1, 15_600)
    embedding = load_teacher(speech_embedding(shared_models, "flatten")).embed(waveform)
    straight = straight_speech_embedding(shared_models, waveform[0])
    np.testing.assert_allclose(embedding, straight.reshape(1, -1), rtol=1e-4, atol=1e-4)


def test_another_output_of_the_file(shared_models: Path) -> None:
    stage = TfliteStage(file=str(shared_models / "yamnet_embedding.tflite"), output=1)
    assert load_teacher(TfliteTeacher(stages=(stage,))).dim == 521


def test_slides_over_longer_sound_and_averages(shared_models: Path) -> None:
    teacher = load_teacher(yamnet(shared_models, hop_samples=7_800))
    waveforms = sound(2, 31_200)
    parts = [teacher.embed(waveforms[:, start : start + 15_600]) for start in (0, 7_800, 15_600)]
    np.testing.assert_allclose(teacher.embed(waveforms), np.mean(parts, axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 399, 8_000])
def test_short_sound_is_padded(shared_models: Path, samples: int) -> None:
    waveforms = sound(1, samples)
    events = load_teacher(yamnet(shared_models))
    padded = np.pad(waveforms, ((0, 0), (0, 15_600 - samples)))
    np.testing.assert_array_equal(events.embed(waveforms), events.embed(padded))
    words = load_teacher(speech_embedding(shared_models)).embed(waveforms)
    assert words.shape == (1, 96)
    assert np.isfinite(words).all()


def test_no_sound_gives_no_vectors(shared_models: Path) -> None:
    assert load_teacher(yamnet(shared_models)).embed(np.zeros((0, 15_600), np.float32)).shape == (0, 1024)


def test_digest_follows_the_files(tmp_path: Path, shared_models: Path) -> None:
    import hashlib

    original = shared_models / "yamnet_embedding.tflite"
    content = original.read_bytes()
    digest = load_teacher(yamnet(shared_models)).digest
    assert digest == hashlib.sha256(content).hexdigest()
    pair = load_teacher(ConcatTeacher(teachers=(yamnet(shared_models), speech_embedding(shared_models))))
    assert pair.digest not in (digest, load_teacher(speech_embedding(shared_models)).digest)


def test_refuses_an_output_that_is_not_there(shared_models: Path) -> None:
    stage = TfliteStage(file=str(shared_models / "yamnet_embedding.tflite"), output=2)
    with pytest.raises(TeacherError, match="has 2 outputs, there is no output 2"):
        load_teacher(TfliteTeacher(stages=(stage,)))


def test_refuses_a_window_the_file_cannot_hear(shared_models: Path) -> None:
    with pytest.raises(TeacherError, match="takes 15600 samples at a time, window_samples is 16000"):
        load_teacher(yamnet(shared_models, window_samples=16_000))


def test_refuses_files_that_do_not_fit_together(shared_models: Path) -> None:
    stages = (
        TfliteStage(file=str(shared_models / "yamnet_embedding.tflite")),
        TfliteStage(file=str(shared_models / "embedding_model.tflite")),
    )
    with pytest.raises(TeacherError, match=r"wants \[-1, 76, 32, 1\], the stage before gives \(1, 1024\)"):
        load_teacher(TfliteTeacher(stages=stages)).embed(sound(1, 15_600))


@pytest.mark.parametrize("shape", [(15_600,), (1, 0)])
def test_refuses_what_is_no_batch_of_sounds(shared_models: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"waveforms must be \(n, samples\) with samples >= 1"):
        load_teacher(yamnet(shared_models)).embed(np.zeros(shape, np.float32))
