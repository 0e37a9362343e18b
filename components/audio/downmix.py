"""Blocks of decoded sound, added up to one mono signal while they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.audio.resample import FloatAudio, Pcm, to_mono


@dataclass(frozen=True)
class MonoSound:
    """Decoded sound at its own rate.

    Attributes:
      samples: float32 ``(frames,)``, the mean of the channels.
      rate: Sample rate in Hz.
      channels: Channels there were.
      values: Numbers there were in all channels.
      non_finite: How many of them were NaN or infinite.
    """

    samples: FloatAudio
    rate: int
    channels: int
    values: int
    non_finite: int


class Downmix:
    """Adds up blocks, so that no more than one block is held with all its channels."""

    def __init__(self) -> None:
        self._blocks: list[FloatAudio] = []
        self._channels = 0
        self._values = 0
        self._non_finite = 0

    def add(self, block: FloatAudio | Pcm) -> None:
        """Takes the next block, float32 or int16 ``(frames, channels)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            mono = to_mono(block)
            # One number tells almost always; only large or bad values need to be looked at one by one.
            suspicious = not np.isfinite(np.dot(mono, mono))
        if suspicious:
            self._non_finite += int(np.count_nonzero(~np.isfinite(block)))
        self._channels = max(self._channels, block.shape[1])
        self._values += block.size
        self._blocks.append(mono)

    def sound(self, rate: int) -> MonoSound:
        """All blocks as one signal."""
        if len(self._blocks) == 1:
            samples = self._blocks[0]
        else:
            samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        return MonoSound(samples, rate, self._channels, self._values, self._non_finite)
