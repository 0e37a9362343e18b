from __future__ import annotations

import numpy as np
import pytest

from components.corpus_synthesizer.microphones import Microphone, draw_microphone

RATE = 22_050


def test_white_noise_comes_out_with_the_response() -> None:
    microphone = Microphone(1.5, ((1000.0, 0.5, 8.0), (4000.0, 0.4, -6.0)), 100.0, 8000.0)
    audio = np.random.default_rng(4).standard_normal(2**18).astype(np.float32)
    recorded = microphone.record(audio, RATE)
    assert recorded.shape == audio.shape and recorded.dtype == np.float32
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    gain = np.abs(np.fft.rfft(recorded)) ** 2 / np.abs(np.fft.rfft(audio)) ** 2
    for low, high in ((240, 260), (980, 1020), (1950, 2050), (3900, 4100), (6900, 7100)):
        band = (hertz > low) & (hertz < high)
        expected = microphone.response_db(np.array([(low + high) / 2.0]))[0]
        assert 10 * np.log10(np.median(gain[band])) == pytest.approx(expected, abs=0.5)


def test_the_edges_fall_by_twelve_decibels_an_octave() -> None:
    """Two octaves outside an edge of order 2 it is 10 log10(1 + 4^4) = 24.1 dB down."""
    flat = Microphone(0.0, (), 400.0, 4000.0)
    inside, below, above = flat.response_db(np.array([1265.0, 100.0, 16_000.0]))
    assert inside == pytest.approx(0, abs=0.1)
    assert below == pytest.approx(-24.1, abs=0.1) and above == pytest.approx(-24.1, abs=0.1)


def test_there_is_no_delay() -> None:
    """A click stays where it was: the response has no phase."""
    click = np.zeros(4000, np.float32)
    click[2000] = 1.0
    microphone = draw_microphone(np.random.default_rng(5))
    assert np.abs(microphone.record(click, RATE)).argmax() == 2000


def test_microphones_differ() -> None:
    rng = np.random.default_rng(6)
    bands = np.geomspace(200.0, 6000.0, 40, dtype=np.float32)
    responses = np.stack([draw_microphone(rng).response_db(bands) for _ in range(200)])
    shapes = responses - responses.mean(axis=1, keepdims=True)
    assert 3.0 < shapes.std(axis=0).mean() < 8.0  # dB
