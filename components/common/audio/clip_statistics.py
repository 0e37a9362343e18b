"""What the clips of shards are like: length, loudness, rates, labels, and which sound the same.

Each shard is summed up while it is written, so nothing is read twice and a shard that is taken up again
brings its figures along. Of a single clip only eight bytes are kept.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from components.common.audio.decode import DecodedAudio
from components.common.audio.resample import TARGET_RATE, Pcm
from schemas.corpus_statistics import QUIET_DBFS, Histogram
from schemas.settings import Report

FULL_SCALE = 32768
# That two of two million different clips share them has a chance of 1e-7.
DIGEST_BYTES = 8

_FULL_SCALE_DBFS = 20 * math.log10((FULL_SCALE - 1) / FULL_SCALE)

Digests = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class Bins:
    """Bins of equal width; the upper edge of each belongs to it.

    Attributes:
      low: Lower edge of the first.
      step: Width.
      number: How many.
    """

    low: float
    step: float
    number: int

    def place(self, value: float) -> int:
        """Where a value is counted: 0 is below all bins, ``number + 1`` above."""
        if value <= self.low:
            return 0
        return min(math.ceil((value - self.low) / self.step), self.number + 1)

    def histogram(self, counts: list[int], unit: str) -> Histogram:
        """The histogram of the counts of all places."""
        edges = [self.low + self.step * number for number in range(self.number + 1)]
        return Histogram(unit=unit, edges=edges, below=counts[0], counts=counts[1:-1], above=counts[-1])


SECONDS = Bins(0.0, 0.5, 20)
DBFS = Bins(-80.0, 2.0, 40)


class ShardStatistics(Report):
    """What the clips of one shard are like; histograms are counts by :meth:`Bins.place`."""

    split: str = Field(description="Split of the shard.")
    shard: int = Field(description="Its index.")
    seconds: list[int] = Field(description="Histogram of lengths.")
    rms: list[int] = Field(description="Histogram of RMS levels.")
    peak: list[int] = Field(description="Histogram of peak levels.")
    clipped: int = Field(description="Clips with a sample at full scale.")
    quiet: int = Field(description="Clips whose RMS level is below the threshold of quiet ones.")
    source_rates: dict[int, int] = Field(description="Clips by sample rate of their files in Hz.")
    label_clips: dict[str, int] = Field(description="Clips by label.")
    label_samples: dict[str, int] = Field(description="Samples by label.")
    digests: str = Field(description="Beginning of each clip's SHA-256, in the order of records, in base64.")


@dataclass
class Tally:
    """Sums over clips, by the same names as in :class:`ShardStatistics`."""

    seconds: list[int] = field(default_factory=lambda: [0] * (SECONDS.number + 2))
    rms: list[int] = field(default_factory=lambda: [0] * (DBFS.number + 2))
    peak: list[int] = field(default_factory=lambda: [0] * (DBFS.number + 2))
    clipped: int = 0
    quiet: int = 0
    source_rates: Counter[int] = field(default_factory=Counter)
    label_clips: Counter[str] = field(default_factory=Counter)
    label_samples: Counter[str] = field(default_factory=Counter)

    @property
    def clips(self) -> int:
        """Clips counted."""
        return sum(self.seconds)

    def take(self, audio: DecodedAudio, labels: Iterable[str]) -> None:
        """Counts a clip, once under each of its labels."""
        rms, peak = levels(audio.samples)
        self.seconds[SECONDS.place(audio.duration_s)] += 1
        self.rms[DBFS.place(rms)] += 1
        self.peak[DBFS.place(peak)] += 1
        self.clipped += peak >= _FULL_SCALE_DBFS
        self.quiet += rms < QUIET_DBFS
        self.source_rates[audio.source_rate] += 1
        for label in dict.fromkeys(labels):
            self.label_clips[label] += 1
            self.label_samples[label] += len(audio.samples)

    def add(self, shard: ShardStatistics) -> None:
        """Adds what a shard was summed up to."""
        for name in ("seconds", "rms", "peak"):
            mine, more = getattr(self, name), getattr(shard, name)
            setattr(self, name, [one + other for one, other in zip(mine, more, strict=True)])
        self.clipped += shard.clipped
        self.quiet += shard.quiet
        for name in ("source_rates", "label_clips", "label_samples"):
            getattr(self, name).update(getattr(shard, name))


class ShardTally:
    """Sums up a shard while it is written."""

    def __init__(self) -> None:
        """Of no clip."""
        self._tally, self._digests = Tally(), bytearray()

    def take(self, audio: DecodedAudio, labels: Iterable[str]) -> None:
        """Counts a clip whose record comes next."""
        self._tally.take(audio, labels)
        # Half the time of the digest that clips have themselves: processors have instructions for it.
        self._digests += hashlib.sha256(np.ascontiguousarray(audio.samples).data).digest()[:DIGEST_BYTES]

    def statistics(self, split: str, shard: int) -> ShardStatistics:
        """What it came to."""
        digests = base64.b64encode(self._digests).decode("ascii")
        return ShardStatistics(split=split, shard=shard, digests=digests, **vars(self._tally))


class CorpusTally:
    """Adds up shards.

    Attributes:
      splits: Sums by split.
      digests: Of the clips of each shard, by split and index, in the order of their records.
    """

    def __init__(self) -> None:
        """Of no shard."""
        self.splits: dict[str, Tally] = {}
        self.digests: dict[tuple[str, int], Digests] = {}

    def add(self, shard: ShardStatistics) -> None:
        """Adds a shard.

        Raises:
          RuntimeError: If it was added before.
        """
        key = shard.split, shard.shard
        if key in self.digests:
            raise RuntimeError(f"shard {shard.shard} of {shard.split} is counted twice")
        self.digests[key] = np.frombuffer(base64.b64decode(shard.digests), dtype="<u8")
        self.splits.setdefault(shard.split, Tally()).add(shard)


def levels(samples: Pcm) -> tuple[float, float]:
    """RMS and peak of a clip in dB relative to full scale; silence has -inf.

    The RMS of a square wave at full scale is 0 dBFS, that of a sine 3 dB less.
    """
    scaled = samples.astype(np.float32)
    power = float(np.dot(scaled, scaled)) / max(len(samples), 1) / FULL_SCALE**2
    peak = max(int(samples.max(initial=0)), -int(samples.min(initial=0))) / FULL_SCALE
    if not peak:
        return -math.inf, -math.inf
    return 10 * math.log10(power), 20 * math.log10(peak)


def hours(samples: int) -> float:
    """Samples of records as hours."""
    return samples / TARGET_RATE / 3600
