"""Where it is said: rooms, noise and loudness. All audio is float32 ``(samples,)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from components.common.audio.resample import FloatAudio
from components.corpus_synthesizer.microphones import Microphone, draw_microphone

NoiseKind = Literal["white", "pink", "babble"]
NOISE_KINDS: tuple[NoiseKind, ...] = ("white", "pink", "babble")

_PEAK_RANGE = (0.15, 0.95)
_REVERBERANT_RANGE_DB = (-12.0, 0.0)


@dataclass(frozen=True)
class Session:
    """Where and with what clips are recorded.

    Attributes:
      impulse: The room's impulse response; None: there is no room.
      noise: Kind of noise in it.
      microphone: What it is recorded with.
    """

    impulse: FloatAudio | None
    noise: NoiseKind
    microphone: Microphone


@dataclass(frozen=True)
class Acoustics:
    """What may happen to a clip.

    Attributes:
      noisy_share: Share of the clips with added noise.
      snr_db: Lowest and highest signal-to-noise ratio.
      room_share: Share of the clips in a room.
      rt60_s: Shortest and longest reverberation time.
      babble: Many voices at once, longer than any clip.
      rate: Sample rate of babble and clips in Hz.
    """

    noisy_share: float
    snr_db: tuple[float, float]
    room_share: float
    rt60_s: tuple[float, float]
    babble: FloatAudio
    rate: int

    def session(self, rng: np.random.Generator) -> Session:
        """A random room, kind of noise and microphone."""
        impulse = None
        if rng.random() < self.room_share:
            rt60_s, tail_db = rng.uniform(*self.rt60_s), rng.uniform(*_REVERBERANT_RANGE_DB)
            impulse = room_impulse(rng, rt60_s, tail_db, self.rate)
        kind = NOISE_KINDS[int(rng.integers(len(NOISE_KINDS)))]
        return Session(impulse, kind, draw_microphone(rng))

    def record(self, rng: np.random.Generator, session: Session, speech: FloatAudio) -> FloatAudio:
        """Dry speech as the session gives it, with random noise, at a random level below full scale."""
        audio = speech
        if session.impulse is not None:
            audio = convolve(audio, session.impulse)[: len(speech)]
        if rng.random() < self.noisy_share:
            audio = add_noise(audio, self.noise(rng, session.noise, len(audio)), rng.uniform(*self.snr_db))
        audio = session.microphone.record(audio, self.rate)
        return scale_to_peak(audio, float(rng.uniform(*_PEAK_RANGE)))

    def noise(self, rng: np.random.Generator, kind: NoiseKind, samples: int) -> FloatAudio:
        """Noise of a kind, of any level."""
        if kind == "babble":
            start = int(rng.integers(len(self.babble)))
            return np.take(self.babble, np.arange(start, start + samples), mode="wrap")
        return white_noise(rng, samples) if kind == "white" else pink_noise(rng, samples)


def white_noise(rng: np.random.Generator, samples: int) -> FloatAudio:
    """Gaussian noise with the same power at each frequency."""
    return rng.standard_normal(samples, dtype=np.float32)


def pink_noise(rng: np.random.Generator, samples: int) -> FloatAudio:
    """Gaussian noise whose power falls by 3 dB an octave."""
    size = _fft_size(samples)
    spectrum = np.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum), dtype=np.float32), 1))
    return np.fft.irfft(spectrum, size)[:samples].astype(np.float32)


def room_impulse(rng: np.random.Generator, rt60_s: float, tail_db: float, rate: int) -> FloatAudio:
    """Impulse response of a room: the direct sound, then exponentially decaying noise.

    Args:
      rng: Source of randomness.
      rt60_s: Time in which the tail falls by 60 dB.
      tail_db: Energy of the tail against the direct sound.
      rate: Sample rate in Hz.
    """
    samples = max(2, round(rt60_s * rate))
    tail = rng.standard_normal(samples - 1) * 10 ** (-3 * np.arange(1, samples) / samples)
    tail *= 10 ** (tail_db / 20) / np.sqrt(np.sum(tail**2))
    return np.concatenate([[1.0], tail]).astype(np.float32)


def convolve(audio: FloatAudio, impulse: FloatAudio) -> FloatAudio:
    """Full linear convolution, by FFT."""
    samples = len(audio) + len(impulse) - 1
    size = _fft_size(samples)
    product = np.fft.rfft(audio, size) * np.fft.rfft(impulse, size)
    return np.fft.irfft(product, size)[:samples].astype(np.float32)


def add_noise(audio: FloatAudio, noise: FloatAudio, snr_db: float) -> FloatAudio:
    """Adds noise ``snr_db`` below the audio, by mean power over the clip."""
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    gain = np.sqrt(power / max(noise_power, 1e-20)) * 10 ** (-snr_db / 20)
    return audio + np.float32(gain) * noise


def scale_to_peak(audio: FloatAudio, peak: float) -> FloatAudio:
    """Scales so that the largest sample has the magnitude ``peak``; silence stays silence."""
    largest = float(np.max(np.abs(audio), initial=0.0))
    return audio * np.float32(peak / largest) if largest else audio


def _fft_size(samples: int) -> int:
    return 1 << (samples - 1).bit_length()
