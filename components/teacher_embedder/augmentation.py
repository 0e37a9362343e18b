"""Augmented windows: what the microphone, the room and the speaker might have changed.

All randomness of a window comes from the seed, its clip, its offset and the number of the copy, so it does
not depend on the order or the machine in which shards are worked on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from components.teacher_embedder.settings import AugmentSettings
from schemas.records import SAMPLE_RATE

Wave = np.ndarray[Any, np.dtype[np.float32]]
Pcm = np.ndarray[Any, np.dtype[np.int16]]

_TINY = 1e-12


def generator(seed: int, clip_id: str, offset: int, purpose: str) -> np.random.Generator:
    """Random numbers that belong to one window and one purpose."""
    key = f"{seed}\0{clip_id}\0{offset}\0{purpose}".encode()
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "little"))


def count_copies(copies: float, rng: np.random.Generator) -> int:
    """The whole part of ``copies``, and one more as often as its fraction says."""
    whole = math.floor(copies)
    return whole + int(rng.random() < copies - whole)


def augment(
    clip: Pcm,
    offset: int,
    window: int,
    settings: AugmentSettings,
    rng: np.random.Generator,
    draw_other: Callable[[np.random.Generator], Wave],
) -> Pcm:
    """Cuts a window and changes it.

    Args:
      clip: int16 samples of the whole clip.
      offset: First sample of the window.
      window: Samples of the window.
      settings: What is done, how often and how much.
      rng: Where chance comes from.
      draw_other: Draws another window ``(window,)`` in [-1, 1] to mix in.

    Returns:
      int16 ``(window,)``.
    """
    wave = _cut(clip, offset, window, settings, rng)
    if _happens(settings.short_cut.probability, rng):
        wave = _isolate(wave, round(rng.uniform(*settings.short_cut.seconds) * SAMPLE_RATE), rng)
    if _happens(settings.reverberation.probability, rng):
        room = settings.reverberation
        wave = _reverberate(wave, rng.uniform(*room.rt60_s), rng.uniform(*room.direct_db), rng)
    if _happens(settings.mixing.probability, rng):
        wave = add_at_snr(wave, draw_other(rng), rng.uniform(*settings.mixing.snr_db))
    if _happens(settings.noise.probability, rng):
        noise = pink_noise(window, rng) if rng.random() < 0.5 else white_noise(window, rng)
        wave = add_at_snr(wave, noise, rng.uniform(*settings.noise.snr_db))
    if _happens(settings.gain.probability, rng):
        wave = wave * np.float32(10 ** (rng.uniform(*settings.gain.db) / 20))
    wave = wave / np.float32(max(1.0, float(np.abs(wave).max())))
    return np.clip(np.rint(wave * np.float32(32768)), -32768, 32767).astype(np.int16)


def add_at_snr(wave: Wave, other: Wave, snr_db: float) -> Wave:
    """Adds ``other`` so that the power of ``wave`` over its power is ``snr_db``; silence stays as it is."""
    power, other_power = float(np.mean(wave**2)), float(np.mean(other**2))
    if power < _TINY or other_power < _TINY:
        return wave
    return wave + other * np.float32(math.sqrt(power / other_power / 10 ** (snr_db / 10)))


def white_noise(samples: int, rng: np.random.Generator) -> Wave:
    """Noise with the same power at all frequencies."""
    return rng.standard_normal(samples, dtype=np.float32)


def pink_noise(samples: int, rng: np.random.Generator) -> Wave:
    """Noise whose power falls as one over the frequency."""
    spectrum = np.fft.rfft(white_noise(samples, rng))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    return bool(rng.random() < probability)


def _cut(clip: Pcm, offset: int, window: int, settings: AugmentSettings, rng: np.random.Generator) -> Wave:
    """The window in [-1, 1], at another speed if chance says so, padded with zeros at the end."""
    factor = rng.uniform(*settings.speed.factor) if _happens(settings.speed.probability, rng) else 1.0
    wave = clip[offset : offset + math.ceil(window * factor)].astype(np.float32) / np.float32(32768)
    if factor != 1.0:
        import soxr

        wave = soxr.resample(wave, factor * SAMPLE_RATE, SAMPLE_RATE, quality="MQ")
    wave = wave[:window]
    return np.pad(wave, (0, window - len(wave)))


def _isolate(wave: Wave, samples: int, rng: np.random.Generator) -> Wave:
    """A piece of the window, somewhere in zeros."""
    samples = min(max(1, samples), len(wave))
    room = len(wave) - samples
    source, place = rng.integers(0, room + 1, 2)
    isolated = np.zeros_like(wave)
    isolated[place : place + samples] = wave[source : source + samples]
    return isolated


def _reverberate(wave: Wave, rt60_s: float, direct_db: float, rng: np.random.Generator) -> Wave:
    """The window in a room, at the level it had."""
    samples = max(2, round(rt60_s * SAMPLE_RATE))
    tail = white_noise(samples, rng) * np.exp(
        -math.log(1000) * np.arange(samples, dtype=np.float32) / samples, dtype=np.float32
    )
    tail[0] = 0
    tail *= np.float32(10 ** (-direct_db / 20) / np.linalg.norm(tail))
    tail[0] = 1
    size = 1 << (len(wave) + samples - 2).bit_length()
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[: len(wave)]
    level = math.sqrt(float(np.mean(wave**2)) / max(float(np.mean(wet**2)), _TINY))
    return (wet * level).astype(np.float32)
