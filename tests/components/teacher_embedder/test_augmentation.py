"""Each operation does what its name says, by how much it says, as often as it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from components.teacher_embedder.augmentation import (
    add_at_snr,
    augment,
    count_copies,
    generator,
    pink_noise,
)
from components.teacher_embedder.settings import AugmentSettings, TeacherEmbedderSettings

WINDOW = 15_600
OPERATIONS = ("speed", "short_cut", "reverberation", "mixing", "noise", "gain")


def only(operation: str = "", **ranges: Any) -> AugmentSettings:
    """Settings in which one operation always happens and the others never."""
    settings: dict[str, Any] = {name: {"probability": 0.0} for name in OPERATIONS}
    if operation:
        settings[operation] = {"probability": 1.0, **ranges}
    return AugmentSettings.model_validate({"copies": 1, **settings})


def sine(hertz: float, samples: int, level: float = 0.3) -> np.ndarray:
    return (level * 32768 * np.sin(2 * np.pi * hertz * np.arange(samples) / 16_000)).astype(np.int16)


def change(clip: np.ndarray, settings: AugmentSettings, offset: int = 0, seed: int = 0) -> np.ndarray:
    def silence(rng: np.random.Generator) -> np.ndarray:
        return np.zeros(WINDOW, np.float32)

    return augment(clip, offset, WINDOW, settings, np.random.default_rng(seed), silence)


def power(wave: np.ndarray) -> float:
    return float(np.mean((wave / 32768.0) ** 2))


def test_nothing_changes_when_nothing_happens() -> None:
    clip = sine(440, 20_000)
    np.testing.assert_array_equal(change(clip, only(), offset=100), clip[100 : 100 + WINDOW])


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_moves_the_pitch(factor: float) -> None:
    changed = change(sine(1000, 40_000), only("speed", factor=(factor, factor)))
    peak = np.abs(np.fft.rfft(changed * np.hanning(WINDOW))).argmax() * 16_000 / WINDOW
    assert peak == pytest.approx(1000 * factor, abs=2)
    assert len(changed) == WINDOW


def test_faster_short_clip_ends_in_zeros() -> None:
    changed = change(sine(1000, 10_000), only("speed", factor=(1.25, 1.25)))
    assert np.abs(changed[7_000:7_900]).max() > 5_000
    assert np.abs(changed[8_100:]).max() == 0


def test_short_cut_leaves_a_piece_in_zeros() -> None:
    changed = change(np.full(WINDOW, 1000, np.int16), only("short_cut", seconds=(0.25, 0.25)))
    places = np.flatnonzero(changed)
    assert len(places) == 4000
    assert places[-1] - places[0] == 3999
    starts = {np.flatnonzero(change(sine(440, WINDOW), only("short_cut"), seed=s))[0] for s in range(8)}
    assert len(starts) == 8


def test_room_rings_after_the_sound_at_the_same_level() -> None:
    clip = np.zeros(WINDOW, np.int16)
    clip[:8000] = np.random.default_rng(0).normal(0, 3000, 8000)
    settings = only("reverberation", rt60_s=(0.5, 0.5), direct_db=(0, 0))
    changed = [change(clip, settings, seed=seed) for seed in range(8)]
    for wave in changed:
        assert power(wave) == pytest.approx(power(clip), rel=0.01)
    # 60 dB in 0.5 s is 18 dB in 0.15 s (2,400 samples).
    tails = [np.mean([power(w[start : start + 1600]) for w in changed]) for start in (8200, 10_600, 13_000)]
    np.testing.assert_allclose(10 * np.log10(np.divide(tails[:-1], tails[1:])), 18, atol=1)


def test_room_leaves_the_direct_sound() -> None:
    clip = sine(440, WINDOW)
    changed = change(clip, only("reverberation", direct_db=(20, 20)))
    assert 0.97 < np.corrcoef(changed, clip)[0, 1] < 0.99999


def test_noise_comes_at_its_level() -> None:
    clip = sine(440, WINDOW, 0.1)
    changed = change(clip, only("noise", snr_db=(10, 10)))
    added = changed.astype(np.float64) - clip
    assert 10 * np.log10(power(clip) / power(added)) == pytest.approx(10, abs=0.05)


def test_mixing_adds_the_other_window_at_its_level() -> None:
    clip, other = sine(440, WINDOW, 0.1), sine(1500, WINDOW).astype(np.float32) / np.float32(32768)
    settings = only("mixing", snr_db=(6, 6))
    changed = augment(clip, 0, WINDOW, settings, np.random.default_rng(0), lambda rng: other)
    added = changed.astype(np.float64) - clip
    assert 10 * np.log10(power(clip) / power(added)) == pytest.approx(6, abs=0.05)
    assert np.corrcoef(added, other)[0, 1] > 0.999


def test_silence_stays_silent() -> None:
    silence, loud = np.zeros(100, np.float32), np.ones(100, np.float32)
    np.testing.assert_array_equal(add_at_snr(silence, loud, 0), silence)
    np.testing.assert_array_equal(add_at_snr(loud, silence, 0), loud)


@pytest.mark.parametrize(("db", "level"), [(-20.0, 0.03), (6.0, 0.5986), (40.0, 1.0)])
def test_gain_scales_and_never_clips(db: float, level: float) -> None:
    clip = sine(440, WINDOW, 0.3)
    changed = change(clip, only("gain", db=(db, db)))
    assert np.abs(changed / 32768.0).max() == pytest.approx(level, rel=1e-3)
    assert np.corrcoef(changed, clip)[0, 1] > 0.99999


def test_pink_noise_falls_by_three_decibel_an_octave() -> None:
    spectrum = np.abs(np.fft.rfft(pink_noise(1 << 16, np.random.default_rng(0)))) ** 2
    octaves = [spectrum[1 << n : 2 << n].mean() for n in range(8, 15)]
    steps = 10 * np.log10(np.divide(octaves[:-1], octaves[1:]))
    np.testing.assert_allclose(steps, 3.01, atol=0.6)


def test_copies_may_be_a_fraction() -> None:
    counts = [count_copies(1.25, generator(0, "clip", offset, "copies")) for offset in range(8000)]
    assert set(counts) == {1, 2}
    assert np.mean(counts) == pytest.approx(1.25, abs=0.02)
    assert count_copies(0, np.random.default_rng(0)) == 0


def test_chance_belongs_to_seed_clip_offset_and_purpose() -> None:
    def draw(*key: Any) -> float:
        return float(generator(*key).random())

    base = (1, "clip", 0, "copy 0")
    others = [
        (2, "clip", 0, "copy 0"),
        (1, "clap", 0, "copy 0"),
        (1, "clip", 5, "copy 0"),
        (1, "clip", 0, "copy 1"),
    ]
    assert draw(*base) == draw(*base)
    assert len({draw(*key) for key in [base, *others]}) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gain": {"db": (3, -3)}}, "from the lower to the higher"),
        ({"noise": {"probability": 1.5}}, "less than or equal to 1"),
        ({"speed": {"factor": (0, 1)}}, "greater than 0"),
        ({"copies": -1}, "greater than or equal to 0"),
        ({"pitch": {}}, "pitch"),
    ],
)
def test_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentSettings.model_validate(settings)


def test_settings_survive_the_way_through_a_parameter() -> None:
    settings = TeacherEmbedderSettings(augment=only("gain"))
    assert TeacherEmbedderSettings.from_parameter(settings.to_parameter()) == settings
