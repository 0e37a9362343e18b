"""What every teacher can do, whatever it is made of."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from components.common.audio.framing import window_offsets

Array = np.ndarray[Any, np.dtype[np.float32]]

_LONGEST_PADDING = 160_000
_LONGEST_TEXT = 400

log = logging.getLogger("tinytrill.modeling")


class TeacherError(ValueError):
    """A teacher that cannot be loaded, or that answers with something else than vectors."""


class TooShortError(TeacherError):
    """A sound that a model cannot work on because it is too short."""


class Teacher(ABC):
    """Sound in, vectors out. A teacher belongs to one thread.

    Attributes:
      description: The teacher in words.
      digest: sha256 over the files it was read from.
      window_samples: Samples it takes at once; 0 if it takes any length.
      hop_samples: Samples between windows when the sound is longer.
      normalise: Whether each window is brought to mean 0 and deviation 1 before it is padded.
    """

    def __init__(
        self,
        description: str,
        digest: str,
        window_samples: int = 0,
        hop_samples: int = 0,
        normalise: bool = False,
    ) -> None:
        self.description = description
        self.digest = digest
        self.window_samples = window_samples
        self.hop_samples = hop_samples or window_samples
        self.normalise = normalise
        self._dim = 0
        self._shortest = 0
        self._alone = False

    @property
    def dim(self) -> int:
        """Dimensions of an embedding; found by asking about a second of silence."""
        if not self._dim:
            self.embed(np.zeros((1, self.window_samples or 16_000), np.float32))
        return self._dim

    @property
    def blocks(self) -> list[int]:
        """Dimensions of each teacher that takes part, in order."""
        return [self.dim]

    @property
    def outputs(self) -> list[str]:
        """Outputs that could be chosen, in words; none if the teacher has but its one."""
        return []

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
        if not window or waveforms.shape[1] <= window:
            return self._vectors(waveforms)
        offsets = window_offsets(waveforms.shape[1], window, self.hop_samples)
        windows = np.stack([waveforms[:, offset : offset + window] for offset in offsets], axis=1)
        vectors = self._vectors(windows.reshape(-1, window))
        return vectors.reshape(count, len(offsets), -1).mean(axis=1, dtype=np.float32)

    def _vectors(self, waveforms: Array) -> Array:
        if self.normalise:
            waveforms = normalised(waveforms)
        vectors = self._answer(pad_to(waveforms, self.window_samples))
        if vectors.ndim != 2 or len(vectors) != len(waveforms):
            raise TeacherError(
                f"{self.description} answered {len(waveforms)} sounds with an array of shape "
                f"{vectors.shape}, expected ({len(waveforms)}, dim)"
            )
        self._dim = self._dim or vectors.shape[1]
        if vectors.shape[1] != self._dim:
            raise TeacherError(
                f"{self.description} gives vectors of {self._dim} values for one length of sound and of "
                f"{vectors.shape[1]} for {waveforms.shape[1]} samples: its last axis runs over time. Say by "
                "`time_axis` which axis does (-1: the last), choose another `output`, or fix `window_samples`"
            )
        return vectors.astype(np.float32, copy=False)

    def _answer(self, waveforms: Array) -> Array:
        """Asks the model, with zeros behind sound that is too short for it.

        A model that refuses several sounds at once and takes one is asked about one after the other from then
        on. What is raised is what went wrong first, not what went wrong while a way around it was looked for.
        """
        try:
            return self._ask_all(waveforms)
        except TooShortError as error:
            first = error
        samples = max(waveforms.shape[1], self._shortest)
        if len(waveforms) > 1 and not self._alone and not self._refuses(samples):
            self._alone = True
        elif not self._find_shortest(samples):
            raise first
        try:
            return self._ask_all(waveforms)
        except TeacherError:
            raise first from None

    def _ask_all(self, waveforms: Array) -> Array:
        waveforms = pad_to(waveforms, self._shortest)
        if not self._alone:
            return self._ask_guarded(waveforms)
        return np.concatenate([self._ask_guarded(waveform[None]) for waveform in waveforms])

    def _ask_guarded(self, waveforms: Array) -> Array:
        """Asks the model; whatever its library raises becomes an error of the teacher."""
        try:
            return self._embed(waveforms)
        except TeacherError:
            raise
        except Exception as error:  # the libraries' errors have no common base but this
            raise TooShortError(
                f"{self.description} cannot work on a waveform of shape {waveforms.shape}: {one_line(error)}"
            ) from error

    def _find_shortest(self, too_short: int) -> bool:
        """Finds the fewest samples that the model accepts, by bisection on silence."""
        low, high = too_short, _LONGEST_PADDING
        if low >= high or self._refuses(high):
            return False
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._refuses(middle) else (low, middle)
        log.info("%s needs at least %d samples: shorter sound is padded with zeros", self.description, high)
        self._shortest = high
        return True

    def _refuses(self, samples: int) -> bool:
        try:
            self._ask_guarded(np.zeros((1, samples), np.float32))
        except TooShortError:
            return True
        return False

    @abstractmethod
    def _embed(self, waveforms: Array) -> Array:
        """Embeds ``(n, samples)``, where samples is the window if the teacher has one.

        Raises:
          TooShortError: If the model cannot work on so few samples.
        """


def window_of(place: str, fixed: int, asked: int) -> int:
    """Samples of a window: what the file fixes, else what is asked for.

    Args:
      place: The file, for the message.
      fixed: Samples that the file takes at a time; 0: any.
      asked: The setting ``window_samples``; 0: none.

    Raises:
      TeacherError: If both are given and differ.
    """
    if fixed and asked not in (0, fixed):
        raise TeacherError(
            f"{place} takes {fixed} samples at a time, window_samples is {asked}: "
            f"leave it out or give {fixed}"
        )
    return fixed or asked


def pad_to(waveforms: Array, samples: int) -> Array:
    """Zeros at the end of each waveform, up to ``samples``."""
    missing = samples - waveforms.shape[1]
    return np.pad(waveforms, ((0, 0), (0, missing))) if missing > 0 else waveforms


def mean_over_time(values: Array, time_axis: int | None = None) -> Array:
    """``(n, ..., dim)`` to ``(n, dim)``: a model that gives several vectors gives their mean.

    Args:
      values: Answers to ``n`` sounds.
      time_axis: Axis of ``values`` that runs over time, all others but the first being the vector; None: all
        axes but the first and the last.

    Raises:
      TooShortError: If there is not one vector to take the mean of.
      TeacherError: If there is no such axis.
    """
    if time_axis is not None:
        if not (1 <= time_axis < values.ndim or 1 - values.ndim <= time_axis < 0):
            raise TeacherError(
                f"`time_axis` is {time_axis}, but the output has the shape {values.shape}, sounds first; "
                f"accepted: -1 to {1 - values.ndim}"
            )
        values = np.moveaxis(values, time_axis, 1)
        values = values.reshape(*values.shape[:2], int(np.prod(values.shape[2:])))
    if 0 in values.shape[1:]:
        raise TooShortError(f"the output has the shape {values.shape}: there is no vector in it")
    return values.reshape(len(values), -1, values.shape[-1]).mean(axis=1, dtype=np.float32)


def one_line(error: BaseException) -> str:
    """What a library says went wrong, without its line breaks and at most 400 characters of it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} ..."


def normalised(waveforms: Array) -> Array:
    """Each waveform at mean 0 and deviation 1, silence at 0.

    The formula, its constant included, is ``zero_mean_unit_var_norm`` of Hugging Face's
    ``Wav2Vec2FeatureExtractor``.
    """
    mean = waveforms.mean(axis=1, keepdims=True)
    return (waveforms - mean) / np.sqrt(waveforms.var(axis=1, keepdims=True) + np.float32(1e-7))


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
