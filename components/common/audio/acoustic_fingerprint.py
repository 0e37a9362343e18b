"""What a sound sounds like, in words of 32 bits that survive gain, codecs, cuts and shifts.

A bit says whether the energy of a band, against that of the next one, rises or falls. Such bits, an exact
look-up of words of them, and a count of differing bits to check what was found are the method of J. Haitsma
and T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002. Here a word is made of two moments
of 16 bits, so that sounds of a second have enough words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Pcm = np.ndarray[Any, np.dtype[np.int16]]
Words = np.ndarray[Any, np.dtype[np.uint32]]
Bits = np.ndarray[Any, np.dtype[np.bool_]]
Places = np.ndarray[Any, np.dtype[np.int64]]

SAMPLE_RATE = 16_000
HOP = 512  # samples between words
PHASES = 4  # of a sound that is looked for in others: it may begin between their words

# Pairs of samples are added first: what that folds back from above 5 kHz is half gone and far from the bands
# that most energy is in, and it halves the work.
_RATE = SAMPLE_RATE // 2
_HOP = HOP // 2
_FRAME = 512
_BANDS = 17
_LOW_HZ, _HIGH_HZ = 200.0, 3000.0
_SMOOTH = 4  # frames whose energies are added
_STEP = 3  # frames between the energies that are compared
_SECOND_MOMENT = 6  # frames between the two moments of a word
_SPAN = _SMOOTH + _STEP + _SECOND_MOMENT - 1
_QUIET = 3e-9  # mean power, of full scale squared, below which rounding to 16 bits decides

_LEAST_SHARE = 0.5  # of a short sound's words that must be there
_LEAST_WORDS = 15  # half a second; what is alike for less is mostly chance

_COMMON = 64  # a word that stands in more places tells nothing
_CANDIDATES = 16
_LARGEST_SHIFT = 1 << 39


def words_of(audio: Pcm) -> tuple[Words, Bits]:
    """The words of a sound, one each 32 ms, and whether there is enough sound in them to tell anything.

    Args:
      audio: int16 ``(samples,)`` at 16 kHz.

    Returns:
      uint32 ``(words,)`` and bool ``(words,)``; none for sounds under half a second.
    """
    from scipy.fft import rfft

    even = len(audio) // 2 * 2
    slow = audio[:even:2].astype(np.float32)
    slow += audio[1:even:2]
    frames = (len(slow) - _FRAME) // _HOP + 1
    if frames <= _SPAN:
        return np.zeros(0, np.uint32), np.zeros(0, np.bool_)
    waves = np.lib.stride_tricks.sliding_window_view(slow, _FRAME)[::_HOP] * _window()
    first, last, starts = _bands()
    spectrum = rfft(waves, axis=1, overwrite_x=True)[:, first:last]
    # Not by a matrix product: BLAS would start threads for it, which wait by spinning.
    energy = np.add.reduceat(np.square(spectrum.real) + np.square(spectrum.imag), starts, axis=1)
    total = np.cumsum(energy, axis=0, dtype=np.float64)
    smooth = total[_SMOOTH - 1 :].copy()
    smooth[1:] -= total[:-_SMOOTH]
    against_next = smooth[:, :-1] - smooth[:, 1:]
    bits = against_next[_STEP:] > against_next[:-_STEP]
    half = np.packbits(bits, axis=1, bitorder="little").view("<u2")[:, 0].astype(np.uint32)
    words = half[:-_SECOND_MOMENT] | half[_SECOND_MOMENT:] << np.uint32(16)
    loud = smooth.sum(axis=1) > _QUIET * _POWER_OF_FULL_SCALE
    tells = loud[_STEP:][:-_SECOND_MOMENT] & loud[_STEP:][_SECOND_MOMENT:]
    return words, tells


# What a sine of full scale gives, over the frames that are added.
_POWER_OF_FULL_SCALE = 65536.0**2 * _FRAME**2 / 16 * _SMOOTH


@cache
def _window() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.hanning(_FRAME + 1)[:-1].astype(np.float32)


@cache
def _bands() -> tuple[int, int, Places]:
    """The first bin of the bands, the one after the last, and where each begins after the first."""
    edges = np.ceil(np.geomspace(_LOW_HZ, _HIGH_HZ, _BANDS + 1) * _FRAME / _RATE).astype(np.int64)
    return int(edges[0]), int(edges[-1]), edges[:-1] - edges[0]


@dataclass(frozen=True)
class Match:
    """Where two sounds are the same.

    Attributes:
      number: Of the sound that was looked for.
      seconds: How much of it is there, in seconds.
      bit_errors: Share of the bits that differ where they are most alike.
    """

    number: int
    seconds: float
    bit_errors: float


class FingerprintIndex:
    """Sounds to be found in others, by their words.

    To look a sound up costs a binary search a word and a check of a few candidates, however many there are.
    """

    def __init__(self, words: Words, tells: Bits, number: Places) -> None:
        """Sorts the words.

        Args:
          words: Of all sounds, one after the other, each phase for itself.
          tells: Of each word, whether it tells anything.
          number: Of the sound and phase that a word belongs to, ascending: ``sound * PHASES + phase``.
        """
        self._words, self._tells, self._number = words, tells, number
        places = np.flatnonzero(tells)
        order = np.argsort(words[places], kind="stable")
        self._places = places[order]
        self._sorted = words[self._places]

    @classmethod
    def of(cls, sounds: Iterable[Pcm]) -> FingerprintIndex:
        """The index of sounds, which are numbered as they come."""
        parts: list[tuple[Words, Bits, int]] = []
        for number, audio in enumerate(sounds):
            for phase in range(PHASES):
                words, tells = words_of(audio[phase * HOP // PHASES :])
                parts.append((words, tells, number * PHASES + phase))
        return cls(
            np.concatenate([np.zeros(0, np.uint32), *(words for words, _, _ in parts)]),
            np.concatenate([np.zeros(0, np.bool_), *(tells for _, tells, _ in parts)]),
            np.repeat(
                np.array([number for _, _, number in parts], np.int64),
                np.array([len(words) for words, _, _ in parts], np.int64),
            ),
        )

    def save(self, path: str | Path) -> None:
        """Writes the index as ``.npz``."""
        np.savez(path, words=self._words, tells=self._tells, number=self._number)

    @classmethod
    def load(cls, path: str | Path) -> FingerprintIndex:
        """Reads what :meth:`save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["words"], arrays["tells"], arrays["number"])

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._words)

    def find(self, audio: Pcm, max_bit_errors: float, min_seconds: float) -> Match | None:
        """The sound of the index that another one has most surely in it.

        Args:
          audio: int16 samples at 16 kHz.
          max_bit_errors: Share of differing bits up to which two sounds are the same.
          min_seconds: How long they must be the same; half of a sound of the index is enough too.

        Returns:
          The match with the fewest differing bits; None if there is none.
        """
        words, tells = words_of(audio)
        best: Match | None = None
        for shift in self._candidates(words, tells):
            match = self._compare(words, tells, shift, max_bit_errors, min_seconds)
            if match and (best is None or match.bit_errors < best.bit_errors):
                best = match
        return best

    def _candidates(self, words: Words, tells: Bits) -> Iterator[tuple[int, int]]:
        """Number of a sound's phase, and the shift of its words against the given ones; likely ones first."""
        rows = np.flatnonzero(tells)
        low = np.searchsorted(self._sorted, words[rows], "left")
        counts = np.searchsorted(self._sorted, words[rows], "right") - low
        counts[counts > _COMMON] = 0
        if not counts.any():
            return
        begins = np.cumsum(counts) - counts
        inner = np.arange(counts.sum()) - np.repeat(begins, counts)
        places = self._places[np.repeat(low, counts) + inner]
        # Number and shift as one integer; a shift is negative where the sound begins before the first word.
        both = (self._number[places] << 40) + places - np.repeat(rows, counts) + _LARGEST_SHIFT
        distinct, hits = np.unique(both, return_counts=True)
        for one in distinct[np.argsort(-hits, kind="stable")[:_CANDIDATES]]:
            yield int(one >> 40), int(one & (1 << 40) - 1) - _LARGEST_SHIFT

    def _compare(
        self, words: Words, tells: Bits, candidate: tuple[int, int], max_bit_errors: float, min_seconds: float
    ) -> Match | None:
        number, shift = candidate
        first, end = np.searchsorted(self._number, [number, number + 1])
        begin, stop = max(first, shift), min(end, shift + len(words))
        ours, theirs = slice(begin - shift, stop - shift), slice(begin, stop)
        both = tells[ours] & self._tells[theirs]
        shortest = min(min_seconds * SAMPLE_RATE / HOP, _LEAST_SHARE * (end - first))
        needed = max(int(np.ceil(shortest)), _LEAST_WORDS)
        if int(both.sum()) < needed:
            return None
        differing = np.bitwise_count((words[ours] ^ self._words[theirs])[both]).astype(np.int64)
        total = np.concatenate([np.zeros(1, np.int64), np.cumsum(differing)])
        in_part = total[needed:] - total[:-needed]
        alike = in_part <= max_bit_errors * 32 * needed
        if not alike.any():
            return None
        covered = int(np.convolve(alike, np.ones(needed, np.int64)).astype(bool).sum())
        return Match(number // PHASES, covered * HOP / SAMPLE_RATE, float(in_part.min()) / (32 * needed))
