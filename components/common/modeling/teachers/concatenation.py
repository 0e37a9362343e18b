"""Several teachers as one: their vectors laid end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from components.common.modeling.teachers.base import Array, Teacher


class ConcatenatedTeacher(Teacher):
    """Teachers of the same sound, each with its own windows."""

    def __init__(self, teachers: Sequence[Teacher], name: str = "") -> None:
        """Puts teachers side by side.

        Args:
          teachers: At least one.
          name: Name in reports; empty: the teachers' own.
        """
        super().__init__(
            name or " + ".join(teacher.description for teacher in teachers),
            hashlib.sha256("".join(f"{teacher.digest}\n" for teacher in teachers).encode()).hexdigest(),
        )
        self._teachers = list(teachers)

    @property
    def blocks(self) -> list[int]:
        """Dimensions of each teacher, in order."""
        return [teacher.dim for teacher in self._teachers]

    @property
    def dim(self) -> int:
        """Dimensions of all together."""
        return sum(self.blocks)

    @property
    def outputs(self) -> list[str]:
        """Outputs of each teacher, by its description."""
        return [f"{one.description}: {output}" for one in self._teachers for output in one.outputs]

    def _embed(self, waveforms: Array) -> Array:
        return np.concatenate([teacher.embed(waveforms) for teacher in self._teachers], axis=1)
