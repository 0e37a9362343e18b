"""The same sound is found whatever was done to it, another one is not."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from components.common.audio.acoustic_fingerprint import HOP, FingerprintIndex, words_of
from components.common.audio.decode import decode
from components.common.audio.errors import AudioError
from tests.conftest import REPOSITORY

MAX_BIT_ERRORS, MIN_SECONDS = 0.25, 1.5
SHARED = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared")) / "data"
needs_recordings = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real recordings in {SHARED}")


def syllables(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Harmonic sounds of changing pitch and colour with pauses, in a little noise; int16 at 16 kHz."""
    rng = np.random.default_rng(seed)
    pieces: list[np.ndarray] = []
    while sum(map(len, pieces)) < seconds * 16_000:
        length = int(rng.uniform(0.08, 0.35) * 16_000)
        time = np.arange(length) / 16_000
        pitch = np.cumsum(np.linspace(rng.uniform(90, 250), rng.uniform(90, 250), length)) / 16_000
        colour = rng.uniform(300, 3000, 3)
        harmonics = np.arange(1, 25)
        levels = np.exp(-(((harmonics[:, None] * 150 - colour) / 400) ** 2)).sum(axis=1)
        wave = levels @ np.sin(2 * np.pi * harmonics[:, None] * pitch)
        pieces += [wave * np.sin(np.pi * time / time[-1]), np.zeros(int(rng.uniform(0, 0.1) * 16_000))]
    wave = np.concatenate(pieces)[: int(seconds * 16_000)]
    wave = wave / np.abs(wave).max() * 0.5 + rng.normal(0, 1e-3, len(wave))
    return (wave * 32767).astype(np.int16)


def through(kind: str, subtype: str, rate: int = 16_000) -> Callable[[np.ndarray], np.ndarray]:
    def change(audio: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        wave = soxr.resample(audio.astype(np.float32) / 32768, 16_000, rate)
        soundfile.write(file, wave, rate, format=kind, subtype=subtype)
        file.seek(0)
        back, rate_back = soundfile.read(file, dtype="float32")
        return (soxr.resample(back, rate_back, 16_000).clip(-1, 1) * 32767).astype(np.int16)

    return change


def inside(audio: np.ndarray) -> np.ndarray:
    return np.concatenate([syllables(901, 2.3), audio, syllables(902, 1.1)])


VARIANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quieter by 20 dB": lambda audio: audio // 10,
    "8 kHz and back": through("WAV", "PCM_16", 8_000),
    "MP3": through("MP3", "MPEG_LAYER_III"),
    "Opus": through("OGG", "OPUS"),
    "Vorbis": through("OGG", "VORBIS"),
    "shifted by 0.7 s": lambda audio: audio[11_203:],
    "padded by 0.3 s": lambda audio: np.concatenate([np.zeros(4_777, np.int16), audio]),
    "trimmed": lambda audio: audio[len(audio) // 8 : -len(audio) // 8],
    "within another": inside,
    "in MP3, shifted, quieter": lambda audio: through("MP3", "MPEG_LAYER_III")(audio[3_333:] // 3),
}


@pytest.fixture(scope="module")
def index() -> FingerprintIndex:
    return FingerprintIndex.of(syllables(seed) for seed in range(12))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_changed_copy_is_found(index: FingerprintIndex, name: str) -> None:
    for seed in (3, 7):
        match = index.find(VARIANTS[name](syllables(seed)), MAX_BIT_ERRORS, MIN_SECONDS)
        assert match is not None and match.number == seed
        assert match.seconds >= MIN_SECONDS


def test_other_sounds_are_not_found(index: FingerprintIndex) -> None:
    noise = (np.random.default_rng(0).standard_normal(48_000) * 3000).astype(np.int16)
    tone = (np.sin(np.arange(48_000) * 0.2) * 9000).astype(np.int16)
    for audio in [noise, tone, np.zeros(48_000, np.int16), *(syllables(seed) for seed in range(100, 130))]:
        assert index.find(audio, MAX_BIT_ERRORS, MIN_SECONDS) is None


def test_a_part_counts_if_it_is_long_enough(index: FingerprintIndex) -> None:
    for seconds, number in ((0.4, None), (1.8, 3)):
        part = syllables(3)[16_000 : 16_000 + int(seconds * 16_000)]
        other = np.concatenate([syllables(901, 2.0), part, syllables(902, 2.0)])
        match = index.find(other, MAX_BIT_ERRORS, MIN_SECONDS)
        assert (match.number if match else None) == number


def test_sounds_too_short_for_words() -> None:
    assert [len(part) for part in words_of(syllables(1, 0.3))] == [0, 0]
    # 13 frames of 64 ms each 32 ms make one word: 64 + 12 * 32 = 448 ms.
    assert len(words_of(syllables(1)[:7_168])[0]) == 1
    assert len(words_of(syllables(1)[: 7_168 + 5 * HOP])[0]) == 6
    index = FingerprintIndex.of([syllables(1, 0.3)])
    assert len(index) == 0
    assert index.find(syllables(1), MAX_BIT_ERRORS, MIN_SECONDS) is None


def test_an_index_is_the_same_when_it_was_saved(index: FingerprintIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.npz")
    read = FingerprintIndex.load(tmp_path / "index.npz")
    changed = VARIANTS["Vorbis"](syllables(5))
    assert read.find(changed, 0.25, 1.5) == index.find(changed, 0.25, 1.5) is not None
    assert len(read) == len(index)


@pytest.mark.slow
@needs_recordings
def test_no_distinct_recording_is_taken_for_another_one() -> None:
    with (SHARED / "noss" / "emodb" / "manifest.csv").open() as file:
        tests = [row["file"] for row in csv.DictReader(file) if row["split"] == "test"][:20]
    recordings = [decode(SHARED / "noss" / "emodb" / name).samples for name in tests]
    index = FingerprintIndex.of(recordings)
    for path in sorted((SHARED / "mini_audioset" / "audios").rglob("*.*"))[::60]:
        try:
            assert index.find(decode(path).samples, MAX_BIT_ERRORS, MIN_SECONDS) is None, path
        except AudioError:
            continue
    found = [index.find(VARIANTS["Opus"](audio), MAX_BIT_ERRORS, MIN_SECONDS) for audio in recordings]
    assert [match.number if match else None for match in found] == list(range(len(recordings)))
