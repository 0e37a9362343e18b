"""Blocks of decoded sound, added up to one mono signal while they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.common.audio.resample import FloatAudio, Pcm, to_mono

# Of the power that unrelated channels would have together; less is left of channels that are opposite.
CANCELLED = 0.05
# Every so manieth frame is enough to tell that; no usual pitch repeats with it.
_STRIDE = 13


@dataclass(frozen=True)
class MonoSound:
    """Decoded sound at its own rate.

    Attributes:
      samples: float32 ``(frames,)``, the mean of the channels.
      rate: Sample rate in Hz.
      channels: Channels there were.
      values: Numbers there were in all channels.
      non_finite: How many of them were NaN or infinite.
      channel_powers: Mean square of each channel, roughly; empty where there is only one.
      mix_power: That of their mean.
    """

    samples: FloatAudio
    rate: int
    channels: int
    values: int
    non_finite: int
    channel_powers: tuple[float, ...] = ()
    mix_power: float = 0.0

    @property
    def cancels(self) -> bool:
        """Whether the channels take each other away when they are mixed, as with a wrongly wired cable."""
        unrelated = sum(self.channel_powers) / max(1, len(self.channel_powers)) ** 2
        return self.mix_power < CANCELLED * unrelated

    @property
    def loudest(self) -> int:
        """The channel with most power."""
        return int(np.argmax(self.channel_powers))


class Downmix:
    """Adds up blocks, so that no more than one block is held with all its channels.

    Args:
      channel: The only channel to take; None: the mean of all.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._blocks: list[FloatAudio] = []
        self._channels = 0
        self._values = 0
        self._non_finite = 0
        self._looked_at = 0
        self._energies: FloatAudio = np.zeros(0, np.float32)
        self._mix_energy = 0.0

    def add(self, block: FloatAudio | Pcm) -> None:
        """Takes the next block, float32 or int16 ``(frames, channels)``."""
        channels = block.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            if self._channel is None:
                mono = to_mono(block)
            else:
                one = min(self._channel, channels - 1)
                mono = to_mono(block[:, one : one + 1])
            # One number tells almost always; only large or bad values need to be looked at one by one.
            suspicious = not np.isfinite(np.dot(mono, mono))
            if channels > 1 and self._channel is None:
                self._compare(block, mono)
        if suspicious:
            self._non_finite += int(np.count_nonzero(~np.isfinite(block)))
        self._channels = max(self._channels, channels)
        self._values += block.size
        self._blocks.append(mono)

    def _compare(self, block: FloatAudio | Pcm, mono: FloatAudio) -> None:
        """Adds up the power of the channels and of their mean, from a part of the frames."""
        few, few_mixed = block[::_STRIDE].astype(np.float32), mono[::_STRIDE]
        if block.dtype == np.int16:
            few *= np.float32(1 / 32768)
        energies = np.einsum("ij,ij->j", few, few)
        if len(energies) != len(self._energies):
            more = max(len(energies), len(self._energies))
            self._energies = np.pad(self._energies, (0, more - len(self._energies)))
            energies = np.pad(energies, (0, more - len(energies)))
        self._energies = self._energies + energies
        self._mix_energy += float(np.dot(few_mixed, few_mixed))
        self._looked_at += len(few)

    def sound(self, rate: int) -> MonoSound:
        """All blocks as one signal."""
        if len(self._blocks) == 1:
            samples = self._blocks[0]
        else:
            samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        frames = max(1, self._looked_at)
        return MonoSound(
            samples,
            rate,
            self._channels,
            self._values,
            self._non_finite,
            tuple((self._energies / frames).tolist()),
            self._mix_energy / frames,
        )
