"""The teacher and the references: opened, and asked about a window."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.teacher_embedder.settings import TeacherEmbedderSettings
from pipeline.configuration.config_file import ConfigError
from schemas.teachers import TeacherSpec, needs_training

_SECONDS = 1.0


@dataclass(frozen=True)
class AskedTeacher:
    """What a teacher said of itself.

    Attributes:
      key: Where it stands in the configuration.
      description: The teacher in words.
      outputs: Its outputs, as far as it names them.
      dim: Dimensions of an embedding.
      windows_per_second: How many windows it answers in a second, on a thread.
    """

    key: str
    description: str
    outputs: tuple[str, ...]
    dim: int
    windows_per_second: float

    def in_words(self) -> str:
        """The teacher in a line."""
        outputs = f"; its outputs: {', '.join(self.outputs)}" if self.outputs else ""
        return (
            f"{self.key}: {self.description} answers with {self.dim} dimensions, "
            f"{self.windows_per_second:.3g} windows a second{outputs}"
        )


def ask_teachers(
    teachers: Mapping[str, TeacherSpec], distillation: TeacherEmbedderSettings
) -> list[AskedTeacher]:
    """Opens the teacher and the references; one that the run trains itself is left out.

    Args:
      teachers: By their places in the configuration.
      distillation: The windows that they will be asked about.

    Raises:
      ConfigError: If one cannot be loaded, or does not answer with finite numbers.
    """
    return [
        _ask(key, spec, distillation.window_samples, distillation.batch_size)
        for key, spec in teachers.items()
        if not needs_training(spec)
    ]


def _ask(key: str, spec: TeacherSpec, window_samples: int, batch_size: int) -> AskedTeacher:
    from components.common.modeling.teachers import TeacherError, load_teacher

    sound = np.random.default_rng(0).normal(0, 0.1, (1, window_samples)).clip(-1, 1).astype(np.float32)
    try:
        teacher = load_teacher(spec)
        vectors = teacher.embed(sound)
        rate = _windows_per_second(teacher, np.repeat(sound, batch_size, axis=0))
    except TeacherError as error:
        raise ConfigError(f"{key}: {error}") from error
    bad = int(np.count_nonzero(~np.isfinite(vectors)))
    if bad:
        raise ConfigError(
            f"{key}: {teacher.description} answers noise with {bad} of {vectors.size} values that are not "
            "finite numbers; choose another `output`, or check `scale` and `normalise`"
        )
    return AskedTeacher(key, teacher.description, tuple(teacher.outputs), teacher.dim, rate)


def _windows_per_second(teacher: Any, sounds: Any) -> float:
    """By batches of growing size, so that a slow teacher is asked about a window only."""
    size = 1
    while True:
        begun = time.perf_counter()
        teacher.embed(sounds[:size])
        seconds = time.perf_counter() - begun
        if size == len(sounds) or seconds * 2 > _SECONDS:
            return size / max(seconds, 1e-9)
        size = min(2 * size, len(sounds))
