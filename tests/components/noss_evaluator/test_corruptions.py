from __future__ import annotations

import numpy as np
import pytest

from components.noss_evaluator.corruptions import condition, corrupt
from components.noss_evaluator.settings import Corruption
from tests.components.noss_evaluator.helpers import tone

RATE = 16_000


def _voice_like(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """Harmonics of 130 Hz up to 6 kHz under a slow envelope, int16."""
    time = np.arange(int(seconds * RATE)) / RATE
    parts = [np.sin(2 * np.pi * 130 * k * time + k * k) / k for k in range(1, 46)]
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return (np.sum(parts, axis=0) * envelope * 4000 + noise * 32768).astype(np.int16)


def _power(samples: np.ndarray) -> float:
    return float(np.var(samples.astype(np.float64)))


def _above(samples: np.ndarray, hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    return float(spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > hertz].sum())


@pytest.mark.parametrize("snr", [20.0, 10.0, 0.0])
def test_the_noise_is_as_loud_as_asked_for(snr: float) -> None:
    clean = _voice_like() // 4
    noise = corrupt(clean, Corruption(kind="noise", value=snr)).astype(np.float64) - clean
    assert 10 * np.log10(_power(clean) / _power(noise)) == pytest.approx(snr, abs=0.1)


def test_the_noise_is_pink() -> None:
    clean = _voice_like() // 4
    noise = corrupt(clean, Corruption(kind="noise", value=0.0)).astype(np.float64) - clean
    # Equal power in each octave: 500 to 1000 Hz and 2000 to 4000 Hz.
    octaves = [_above(noise, low) - _above(noise, 2 * low) for low in (500, 2000)]
    assert octaves[0] == pytest.approx(octaves[1], rel=0.2)


def test_the_same_sound_gets_the_same_noise_and_another_sound_another() -> None:
    quiet = Corruption(kind="noise", value=10.0)
    one, other = _voice_like(seed=1), _voice_like(seed=2)
    np.testing.assert_array_equal(corrupt(one, quiet), corrupt(one.copy(), quiet))
    noises = [corrupt(each, quiet).astype(np.float64) - each for each in (one, other)]
    assert abs(np.corrcoef(noises)[0, 1]) < 0.1


def test_silence_stays_finite() -> None:
    silence = np.zeros(RATE, np.int16)
    assert not corrupt(silence, Corruption(kind="noise", value=0.0)).any()


def test_a_band_limit_takes_what_is_above_and_leaves_the_rest_in_place() -> None:
    clean = _voice_like()
    narrow = corrupt(clean, Corruption(kind="band_limit", value=8000.0))
    assert len(narrow) == len(clean)
    assert _above(narrow, 4100) < 1e-4 * _above(clean, 4100)
    below = np.fft.rfft(clean.astype(np.float64))
    below[np.fft.rfftfreq(len(clean), 1 / RATE) > 3500] = 0
    expected = np.fft.irfft(below, len(clean))
    assert np.corrcoef(narrow, expected)[0, 1] > 0.998


@pytest.mark.parametrize("samples", [RATE * 2, 17_003, 500])
def test_opus_gives_the_sound_back_where_it_was(samples: int) -> None:
    clean = _voice_like()[:samples]
    coded = corrupt(clean, Corruption(kind="opus", value=16.0))
    assert coded.dtype == np.int16 and len(coded) == len(clean)
    assert not np.array_equal(coded, clean)
    if samples > RATE:
        matches = [np.corrcoef(clean[50:-50], np.roll(coded, shift)[50:-50])[0, 1] for shift in (-2, 0, 2)]
        assert matches[1] > 0.9 and matches[1] == max(matches)


def test_more_bits_are_closer() -> None:
    clean = _voice_like()
    errors = [
        _power(corrupt(clean, Corruption(kind="opus", value=kilobits)).astype(np.float64) - clean)
        for kilobits in (8.0, 64.0)
    ]
    assert errors[1] < errors[0] / 2


def test_a_cut_keeps_the_first_seconds() -> None:
    clean = tone(400, 0, seconds=2.0)
    np.testing.assert_array_equal(corrupt(clean, Corruption(kind="cut", value=0.5)), clean[:8000])
    np.testing.assert_array_equal(corrupt(clean, Corruption(kind="cut", value=3.0)), clean)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("cut", -1.0, "cut -1: accepted: 0.01 to 60 s"),
        ("band_limit", 16_000.0, "band_limit 16000: accepted: 1000 to 15999 Hz"),
        ("opus", 1.0, "opus 1: accepted: 6 to 256 kbit/s"),
        ("noise", 100.0, "noise 100: accepted: -60 to 80 dB"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Corruption.model_validate({"kind": kind, "value": value})


def test_conditions_have_units() -> None:
    given = [("noise", 10), ("band_limit", 8000), ("opus", 16), ("cut", 1)]
    words = [condition(Corruption.model_validate({"kind": kind, "value": value})) for kind, value in given]
    assert words == ["noise 10 dB", "band of 8000 Hz", "opus 16 kbit/s", "first 1 s"]
