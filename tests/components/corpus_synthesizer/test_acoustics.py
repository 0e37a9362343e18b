from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from components.corpus_synthesizer import acoustics
from components.corpus_synthesizer.microphones import Microphone

RATE = 22_050


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("snr_db", [0.0, 12.0])
def test_noise_is_added_at_the_given_ratio(rng: np.random.Generator, snr_db: float) -> None:
    audio = np.sin(np.arange(RATE) / 10).astype(np.float32)
    added = acoustics.add_noise(audio, acoustics.white_noise(rng, RATE), snr_db) - audio
    assert 10 * np.log10(np.mean(audio**2) / np.mean(added**2)) == pytest.approx(snr_db, abs=0.01)


def test_pink_noise_falls_by_three_decibels_an_octave(rng: np.random.Generator) -> None:
    power = np.abs(np.fft.rfft(acoustics.pink_noise(rng, 2**18))) ** 2
    octaves = [np.mean(power[2**k : 2 ** (k + 1)]) for k in range(8, 16)]
    steps = 10 * np.log10(np.divide(octaves[1:], octaves[:-1]))
    assert steps == pytest.approx(np.full(7, -3.01), abs=0.6)


def test_convolution_is_linear_and_full(rng: np.random.Generator) -> None:
    audio, impulse = rng.standard_normal(300), rng.standard_normal(37)
    expected = np.convolve(audio, impulse)
    result = acoustics.convolve(audio.astype(np.float32), impulse.astype(np.float32))
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_a_room_decays_by_sixty_decibels_and_has_the_asked_tail(rng: np.random.Generator) -> None:
    impulse = acoustics.room_impulse(rng, 0.5, -6.0, RATE)
    assert len(impulse) == round(0.5 * RATE)
    assert impulse[0] == 1.0
    tail = impulse[1:].astype(np.float64)
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(-6.0, abs=0.01)
    edge = len(tail) // 20
    # 60 dB over the whole length: from the middle of the first to that of the last of 20 parts it is 57 dB.
    fall = 10 * np.log10(np.mean(tail[:edge] ** 2) / np.mean(tail[-edge:] ** 2))
    assert fall == pytest.approx(57, abs=2)


def test_peak_and_silence(rng: np.random.Generator) -> None:
    assert np.abs(acoustics.scale_to_peak(acoustics.white_noise(rng, 100), 0.3)).max() == pytest.approx(0.3)
    assert not acoustics.scale_to_peak(np.zeros(10, np.float32), 0.3).any()


@pytest.mark.parametrize("kind", acoustics.NOISE_KINDS)
def test_every_clip_keeps_its_length_and_stays_below_full_scale(
    rng: np.random.Generator, kind: acoustics.NoiseKind
) -> None:
    babble = acoustics.white_noise(rng, 5000)
    settings = acoustics.Acoustics(1.0, (0.0, 5.0), 1.0, (0.1, 0.3), babble, RATE)
    assert len(settings.noise(rng, kind, 12_345)) == 12_345
    session = dataclasses.replace(settings.session(rng), noise=kind)
    audio = settings.record(rng, session, acoustics.white_noise(rng, 12_345))
    assert len(audio) == 12_345
    assert np.abs(audio).max() <= 0.951


def test_a_recording_has_its_microphones_response() -> None:
    rng = np.random.default_rng(4)
    settings = acoustics.Acoustics(0.0, (0.0, 5.0), 0.0, (0.1, 0.3), np.ones(100, np.float32), RATE)
    speech = acoustics.white_noise(rng, 3 * RATE)
    dull = Microphone(slope_db=0.0, resonances=(), lower_hz=30.0, upper_hz=3000.0)
    bright = dataclasses.replace(dull, upper_hz=10_000.0)

    def share_above_6_khz(microphone: Microphone) -> float:
        audio = settings.record(rng, acoustics.Session(None, "white", microphone), speech)
        power = np.square(np.abs(np.fft.rfft(audio)))
        return float(power[np.fft.rfftfreq(len(audio), 1 / RATE) > 6000].sum() / power.sum())

    assert share_above_6_khz(dull) < 0.1 < 0.2 < share_above_6_khz(bright)
