"""How loud a segment is, and how much it sounds like speech: what segments of a recording are chosen by."""

from __future__ import annotations

from typing import Literal

import numpy as np

from components.common.audio.resample import TARGET_RATE, FloatAudio, Pcm

Preference = Literal["none", "loud", "speech"]

_FRAME, _HOP = 512, 256
_LOWEST_HZ, _HIGHEST_HZ, _BANDS = 200.0, 4000.0, 12
# Speech swells and fades with its syllables, three to six times a second.
_SYLLABLES_HZ = (2.5, 6.0)
_FLOOR = 1e-12


def score(samples: Pcm, preference: Preference) -> float:
    """What a segment is chosen by: more is better.

    Args:
      samples: int16 ``(n,)``, mono, 16 kHz.
      preference: ``loud``: the RMS level in dBFS; ``speech``: :func:`syllable_modulation`.
    """
    if not len(samples):
        return -np.inf
    sound = (samples / 32768).astype(np.float32)
    if preference == "speech":
        return syllable_modulation(sound)
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + _FLOOR))


def syllable_modulation(sound: FloatAudio) -> float:
    """Share of the movement of the bands' envelopes that is as fast as syllables, 0 to 1.

    The 4 Hz modulation energy of Scheirer and Slaney, "Construction and evaluation of a robust multifeature
    speech/music discriminator", ICASSP 1997, section 2, over envelopes of bands on a logarithmic scale.

    Args:
      sound: float32 ``(n,)`` in [-1, 1], 16 kHz; less than half a second has none.
    """
    if len(sound) < TARGET_RATE // 2:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=1)))
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1) * _FRAME / TARGET_RATE
    bands = np.add.reduceat(power, np.unique(np.round(edges).astype(np.int64)), axis=1)[:, :-1]
    envelopes = np.sqrt(bands)
    moving = np.square(np.abs(np.fft.rfft(envelopes - envelopes.mean(axis=0), axis=0))).sum(axis=1)
    rates = np.fft.rfftfreq(len(envelopes), _HOP / TARGET_RATE)
    low, high = _SYLLABLES_HZ
    return float(moving[(rates >= low) & (rates <= high)].sum() / max(moving.sum(), _FLOOR))
