"""The resampler of the serving script, against soxr's HQ recipe and against sines one can compute."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.components.common.package.serving.conftest import sound

WANTED = 16_000
RATES = [8_000, 11_025, 12_000, 15_999, 16_001, 22_050, 24_000, 32_000, 44_100, 44_101, 47_999, 48_000]

Array = np.ndarray[Any, Any]


def by_soxr(clip: Array, rate: int) -> Array:
    return soxr.resample(clip, rate, WANTED, quality="HQ")


def decibels(error: Array, signal: Array) -> float:
    return 10 * math.log10(np.mean(np.square(error, dtype=np.float64)) / np.mean(np.square(signal)))


def sine(frequency: float, rate: int, samples: int) -> Array:
    return 0.8 * np.sin(2 * np.pi * frequency / rate * np.arange(samples))


def band_limited(rate: int) -> Array:
    """Two seconds of noise below 0.85 of both Nyquist frequencies, fading in and out."""
    spectrum = np.fft.rfft(sound(2 * rate) * np.hanning(2 * rate))
    spectrum[np.fft.rfftfreq(2 * rate, 1 / rate) > 0.85 * min(rate, WANTED) / 2] = 0
    return np.fft.irfft(spectrum, 2 * rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_agrees_with_soxr_in_the_pass_band(script: Any, rate: int) -> None:
    clip = band_limited(rate)
    expected = by_soxr(clip, rate)
    assert decibels(script.resample(clip, rate, WANTED) - expected, expected) < -65


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_sine_stays_the_sine_it_was(script: Any, rate: int, share: float) -> None:
    # Sample by sample, so a shift by a thousandth of a sample would show: 0.9 * pi / 1000 is -51 dB.
    frequency = share * min(rate, WANTED) / 2
    found = script.resample(sine(frequency, rate, rate).astype(np.float32), rate, WANTED)
    expected = sine(frequency, WANTED, WANTED)
    inside = slice(500, -500)
    assert decibels((found - expected)[inside], expected) < -90


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > WANTED * 1.02])
def test_what_would_fold_down_is_suppressed(script: Any, rate: int) -> None:
    for frequency in (8_050, 8_500, 0.49 * rate):
        clip = sine(frequency, rate, rate).astype(np.float32)
        folded = script.resample(clip, rate, WANTED)[500:-500]
        assert decibels(folded, clip) < -90, frequency


@pytest.mark.parametrize("rate", [8_000, 11_025, 15_999])
def test_no_image_appears_above_the_old_band(script: Any, rate: int) -> None:
    clip = sine(0.45 * rate, rate, rate).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(script.resample(clip, rate, WANTED) * np.blackman(WANTED)))
    images = spectrum[math.ceil(rate / 2) :]
    assert 20 * math.log10(images.max() / spectrum.max()) < -90


@settings(max_examples=60, deadline=None)
@given(rate=st.integers(8_000, 48_000), samples=st.integers(1, 3_000), level=st.floats(-1.0, 1.0))
def test_length_is_soxrs_and_a_constant_stays(script: Any, rate: int, samples: int, level: float) -> None:
    clip = np.full(samples, level, np.float32)
    found = script.resample(clip, rate, WANTED)
    # soxr makes nothing of so few samples that half a sample is left.
    assert len(found) == max(1, len(by_soxr(clip, rate)))
    # Away from the ends, where silence begins.
    inside = np.arange(len(found)) * rate / WANTED
    far = (inside > 250) & (inside < samples - 250)
    np.testing.assert_allclose(found[far], level, atol=2e-6)


def test_an_impulse_lands_where_it_was(script: Any) -> None:
    for rate in RATES:
        clip = np.zeros(rate, np.float32)
        clip[rate // 2] = 1.0
        assert np.abs(script.resample(clip, rate, WANTED)).argmax() == round(rate // 2 * WANTED / rate)


def test_a_long_clip_takes_little_more_than_its_own_samples(script: Any) -> None:
    clip = np.zeros(120 * 44_101, np.float32)
    script.filter_bank(44_101, WANTED)
    tracemalloc.start()
    found = script.resample(clip, 44_101, WANTED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < clip.nbytes + found.nbytes + 20e6


def test_banks_of_filters_stay_small(script: Any) -> None:
    assert max(script.filter_bank(rate, WANTED)[0].nbytes for rate in RATES) < 3e6
