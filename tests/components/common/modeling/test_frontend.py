"""The front end against a computation by hand."""

from __future__ import annotations

import numpy as np

from components.common.modeling.frontend import LogMel, LogMelStatistics, mel_matrix
from schemas.students import FrontEndSpec


def test_one_window_is_one_patch() -> None:
    spec = FrontEndSpec()
    assert spec.window_samples == 15_600
    assert LogMel(spec)(np.zeros((2, spec.window_samples), np.float32)).shape == (2, 96, 64)


def test_silence_is_the_logarithm_of_the_offset() -> None:
    spec = FrontEndSpec()
    silence = LogMel(spec)(np.zeros((1, spec.window_samples), np.float32)).numpy()
    np.testing.assert_allclose(silence, np.log(0.001), rtol=1e-5)


def test_it_agrees_with_a_plain_fourier_transform() -> None:
    spec = FrontEndSpec()
    wave = np.random.default_rng(1).uniform(-0.5, 0.5, spec.window_samples).astype(np.float32)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([wave[160 * i : 160 * i + 400] * window for i in range(96)])
    expected = np.log(np.abs(np.fft.rfft(frames, 512)) @ mel_matrix(spec) + 0.001)
    np.testing.assert_allclose(LogMel(spec)(wave[None]).numpy()[0], expected, atol=1e-3)


def test_a_tone_lights_its_band() -> None:
    spec = FrontEndSpec()
    tone = np.sin(2 * np.pi * 1000 * np.arange(spec.window_samples) / 16_000).astype(np.float32)
    # HTK mels: 2595 log10(1 + 1000/700) = 1000; 125 Hz is 185, 7500 Hz is 2774; 64 bands lie 39.8 apart,
    # and band b is centred at 185 + 39.8 (b + 1): 1000 is nearest to b = 19.
    patch = LogMel(spec)(tone[None]).numpy()[0]
    assert set(patch.argmax(axis=1)) <= {19, 20}


def test_statistics_are_mean_and_deviation_over_time() -> None:
    log_mel = np.random.default_rng(2).normal(-3, 2, (2, 96, 64)).astype(np.float32)
    statistics = LogMelStatistics()(log_mel).numpy()
    np.testing.assert_allclose(statistics[:, :64], log_mel.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(statistics[:, 64:], log_mel.std(axis=1), rtol=1e-3)
