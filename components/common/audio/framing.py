"""Cutting clips into the windows that networks see."""

from __future__ import annotations

from typing import Any

import numpy as np


def window_offsets(samples: int, window: int, hop: int) -> list[int]:
    """First samples of the windows of a clip.

    A clip shorter than a window has one window (to be padded). Of a longer clip every whole window
    counts, and one more that ends with the clip if more than half a hop would otherwise be lost.

    Args:
      samples: Length of the clip, at least 1.
      window: Length of a window.
      hop: Samples between windows.
    """
    if samples <= window:
        return [0]
    offsets = list(range(0, samples - window + 1, hop))
    if samples - window - offsets[-1] > hop // 2:
        offsets.append(samples - window)
    return offsets


def cut_windows(audio: np.ndarray[Any, Any], window: int, hop: int) -> np.ndarray[Any, Any]:
    """Windows ``(n, window)`` of a clip ``(samples,)``, padded with zeros at the end if it is short."""
    if len(audio) < window:
        audio = np.pad(audio, (0, window - len(audio)))
    return np.stack([audio[offset : offset + window] for offset in window_offsets(len(audio), window, hop)])


def to_float(audio: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """int16 PCM to float32 in [-1, 1)."""
    return audio.astype(np.float32) / np.float32(32768.0)
