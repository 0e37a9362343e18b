"""Inputs for timing: like speech in level and rhythm, so that no kernel meets a special case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from schemas.tensors import TensorInfo

Array = np.ndarray[Any, np.dtype[np.float32]]

_SYLLABLES = 4.0
_FLOOR = float(np.log(0.001))


def write_input(tensor: TensorInfo, folder: Path, seed: int) -> Path:
    """Writes a value for an input as ``.npy``; the same file serves all inputs of one shape and type.

    Raises:
      ValueError: If the input is neither a waveform (1, samples) nor a log-mel patch (1, frames, mels), of
        float32 or of int8 codes.
    """
    codes = "" if tensor.scale is None else f"-{tensor.dtype}-{tensor.scale:.9g}-{tensor.zero_point}"
    path = folder / f"input-{'x'.join(map(str, tensor.shape))}{codes}.npy"
    if path.is_file():
        return path
    taken = tensor.dtype == "float32" or (tensor.dtype == "int8" and tensor.scale is not None)
    if not taken or len(tensor.shape) not in (2, 3) or tensor.shape[0] != 1:
        raise ValueError(
            f"input {tensor.name} is {tensor.dtype} {tensor.shape}: a student takes float32, or int8 with a "
            "scale, (1, samples) or (1, frames, mels)"
        )
    sizes = tensor.shape[1:]
    value = waveform(sizes[0], seed) if len(sizes) == 1 else log_mel(sizes[0], sizes[1], seed)
    if tensor.scale is not None:
        value = np.clip(np.round(value / tensor.scale) + (tensor.zero_point or 0), -128, 127).astype(np.int8)
    np.save(path, value[np.newaxis], allow_pickle=False)
    return path


def waveform(samples: int, seed: int) -> Array:
    """Red-tinted noise ``(samples,)`` in [-0.5, 0.5], its level rising and falling 4 times over."""
    noise = np.random.default_rng(seed).standard_normal(samples)
    tinted = np.convolve(noise, np.exp(-np.arange(32) / 8.0), mode="same")
    shaped = tinted * _envelope(samples)
    return np.asarray(0.5 * shaped / np.abs(shaped).max(), dtype=np.float32)


def log_mel(frames: int, mels: int, seed: int) -> Array:
    """A log-mel patch ``(frames, mels)`` with the floor and the slope of speech."""
    noise = np.random.default_rng(seed).standard_normal((frames, mels))
    level = 4.0 * _envelope(frames)[:, np.newaxis] - 2.0 * np.linspace(0, 1, mels) - 4.0
    return np.asarray(np.maximum(level + noise, _FLOOR), dtype=np.float32)


def _envelope(length: int) -> np.ndarray[Any, Any]:
    envelope: np.ndarray[Any, Any] = 0.55 - 0.45 * np.cos(2 * np.pi * _SYLLABLES * np.arange(length) / length)
    return envelope
