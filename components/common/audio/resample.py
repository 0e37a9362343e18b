"""From any rate and any number of channels to mono 16 kHz int16."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

TARGET_RATE = 16_000

FloatAudio = np.ndarray[Any, np.dtype[np.float32]]
Pcm = np.ndarray[Any, np.dtype[np.int16]]


def to_mono(frames: FloatAudio | Pcm) -> FloatAudio:
    """The mean of the channels of ``(frames, channels)``; integers come out in [-1, 1) as well."""
    channels = frames.shape[1]
    scale = np.float32(1 / 32768) if frames.dtype == np.int16 else np.float32(1)
    if channels == 1 and scale == 1:
        return cast(FloatAudio, frames[:, 0])
    total: FloatAudio
    if channels == 2 and frames.dtype == np.int16 and frames.flags.c_contiguous:
        # Each pair as one number whose halves are added: half the time of reading every second value.
        pairs = frames.view(np.int32)[:, 0]
        total = ((pairs << 16 >> 16) + (pairs >> 16)).astype(np.float32)
    else:
        # Column by column: a mean over a short last axis takes several times as long.
        total = frames[:, 0].astype(np.float32)
        for channel in range(1, channels):
            total += frames[:, channel]
    if channels > 1:
        total /= np.float32(channels)
    if scale != 1:
        total *= scale
    return total


def resample(samples: FloatAudio, rate: int, target: int = TARGET_RATE) -> FloatAudio:
    """Mono samples at ``rate`` Hz to ``target`` Hz by soxr's HQ recipe (https://sourceforge.net/p/soxr)."""
    if rate == target:
        return samples
    import soxr

    resampled: FloatAudio = soxr.resample(samples, rate, target, quality="HQ")
    return resampled


def to_pcm(samples: FloatAudio) -> Pcm:
    """Float samples in [-1, 1] to int16; what lies outside is clipped, never wrapped."""
    scaled = samples * np.float32(32768.0)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768.0, 32767.0, out=scaled)
    return scaled.astype(np.int16)
