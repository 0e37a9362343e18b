"""What it is recorded with: a frequency response that all clips of a session share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.common.audio.resample import FloatAudio

_PIVOT_HZ = 1000.0
_SLOPE_DB = 2.0
_RESONANCES = 4
_RESONANCE_HZ = (100.0, 8000.0)
_RESONANCE_OCTAVES = (0.2, 0.8)
_RESONANCE_DB = 6.0
_LOWER_HZ = (30.0, 300.0)
_UPPER_HZ = (3000.0, 10_000.0)
_LOWEST_DB = -60.0
_TAPS = 1025


@dataclass(frozen=True)
class Microphone:
    """A tilted response with resonances, between two edges that fall by 12 dB an octave.

    Attributes:
      slope_db: Tilt in dB an octave, about 1 kHz.
      resonances: Centre in Hz, width (standard deviation) in octaves and height in dB of each.
      lower_hz: Lower edge.
      upper_hz: Upper edge.
    """

    slope_db: float
    resonances: tuple[tuple[float, float, float], ...]
    lower_hz: float
    upper_hz: float

    def response_db(self, hertz: FloatAudio) -> FloatAudio:
        """Gain in dB at frequencies of any shape."""
        frequency = np.maximum(hertz, 1.0)
        octaves = np.log2(frequency / _PIVOT_HZ)
        response = self.slope_db * octaves
        for centre, width, height in self.resonances:
            response += height * np.exp(-0.5 * np.square((octaves - np.log2(centre / _PIVOT_HZ)) / width))
        response -= 10 * np.log10(1 + np.power(self.lower_hz / frequency, 4))
        response -= 10 * np.log10(1 + np.power(frequency / self.upper_hz, 4))
        return np.maximum(response, _LOWEST_DB)

    def record(self, audio: FloatAudio, rate: int) -> FloatAudio:
        """Filters ``(samples,)`` without delay; the length stays."""
        from scipy.signal import oaconvolve

        gain = 10 ** (self.response_db(np.fft.rfftfreq(_TAPS - 1, 1 / rate)) / 20)
        taps = np.fft.fftshift(np.fft.irfft(gain, _TAPS - 1))
        taps = np.append(taps, taps[0]) * np.hanning(_TAPS)
        recorded: FloatAudio = oaconvolve(audio, taps.astype(np.float32), mode="same")
        return recorded


def draw_microphone(rng: np.random.Generator) -> Microphone:
    """Draws a microphone."""
    low, high = np.log2(_RESONANCE_HZ)
    return Microphone(
        slope_db=float(rng.normal(0, _SLOPE_DB)),
        resonances=tuple(
            (
                float(2 ** rng.uniform(low, high)),
                float(rng.uniform(*_RESONANCE_OCTAVES)),
                float(rng.normal(0, _RESONANCE_DB)),
            )
            for _ in range(_RESONANCES)
        ),
        lower_hz=float(rng.uniform(*_LOWER_HZ)),
        upper_hz=float(rng.uniform(*_UPPER_HZ)),
    )
