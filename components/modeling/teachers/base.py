"""What every teacher can do, whatever it is made of."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from components.audio.framing import window_offsets

Array = np.ndarray[Any, np.dtype[np.float32]]


class TeacherError(ValueError):
    """A teacher that cannot be loaded, or that answers with something else than vectors."""


class Teacher(ABC):
    """Sound in, vectors out. A teacher belongs to one thread.

    Attributes:
      description: The teacher in words.
      digest: sha256 over the files it was read from.
      window_samples: Samples it hears at once; 0 if it takes any length.
      hop_samples: Samples between windows when the sound is longer.
    """

    def __init__(self, description: str, digest: str, window_samples: int = 0, hop_samples: int = 0) -> None:
        self.description = description
        self.digest = digest
        self.window_samples = window_samples
        self.hop_samples = hop_samples or window_samples
        self._dim = 0

    @property
    def dim(self) -> int:
        """Dimensions of an embedding; found by asking about a second of silence."""
        if not self._dim:
            self._dim = self.embed(np.zeros((1, self.window_samples or 16_000), np.float32)).shape[1]
        return self._dim

    @property
    def blocks(self) -> list[int]:
        """Dimensions of each teacher that takes part, in order."""
        return [self.dim]

    def embed(self, waveforms: Array) -> Array:
        """Embeds sounds of one length.

        Args:
          waveforms: float32 ``(n, samples)`` in [-1, 1] at 16 kHz, of any length from 1. Sound longer
            than the teacher's window gives the mean over its windows; shorter is padded with zeros.

        Returns:
          float32 ``(n, dim)``.

        Raises:
          ValueError: If the waveforms have another shape.
          TeacherError: If the model answers with another number of vectors.
        """
        if waveforms.ndim != 2 or not waveforms.shape[1]:
            raise ValueError(f"waveforms must be (n, samples) with samples >= 1, got {waveforms.shape}")
        if not len(waveforms):
            return np.zeros((0, self.dim), np.float32)
        waveforms = np.ascontiguousarray(waveforms, np.float32)
        count, window = len(waveforms), self.window_samples
        if not window or waveforms.shape[1] == window:
            return self._vectors(waveforms)
        if waveforms.shape[1] < window:
            return self._vectors(pad_to(waveforms, window))
        offsets = window_offsets(waveforms.shape[1], window, self.hop_samples)
        windows = np.stack([waveforms[:, offset : offset + window] for offset in offsets], axis=1)
        vectors = self._vectors(windows.reshape(-1, window))
        return vectors.reshape(count, len(offsets), -1).mean(axis=1, dtype=np.float32)

    def _vectors(self, waveforms: Array) -> Array:
        vectors = self._embed(waveforms)
        if vectors.ndim != 2 or len(vectors) != len(waveforms):
            raise TeacherError(
                f"{self.description} answered {len(waveforms)} sounds with an array of shape "
                f"{vectors.shape}, expected ({len(waveforms)}, dim)"
            )
        return vectors.astype(np.float32, copy=False)

    @abstractmethod
    def _embed(self, waveforms: Array) -> Array:
        """Embeds ``(n, samples)``, where samples is the window if the teacher has one."""


def pad_to(waveforms: Array, samples: int) -> Array:
    """Zeros at the end of each waveform, up to ``samples``."""
    return np.pad(waveforms, ((0, 0), (0, max(0, samples - waveforms.shape[1]))))


def digest_files(paths: Iterable[str | Path]) -> str:
    """sha256 of a file; of several files or of a folder, sha256 over names and their sha256."""
    files: list[tuple[str, Path]] = []
    for path in map(Path, paths):
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.is_file())
            files += [(file.relative_to(path).as_posix(), file) for file in below]
        else:
            files.append((path.name, path))
    digests = [(name, _sha256(file)) for name, file in files]
    if len(digests) == 1:
        return digests[0][1]
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
