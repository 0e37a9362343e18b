"""Teachers that are TensorFlow SavedModels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from components.modeling.teachers.base import Array, Teacher, TeacherError, digest_files
from schemas.teachers import SavedModelTeacher, TfHubTeacher

_SAVED_MODEL = "saved_model.pb"


class SavedModelEmbedder(Teacher):
    """Calls a SavedModel and takes the mean of its output over time, where it has a time axis."""

    def __init__(self, spec: SavedModelTeacher | TfHubTeacher, folder: str | Path) -> None:
        """Loads the model.

        Args:
          spec: How to call it.
          folder: Where ``saved_model.pb`` is.

        Raises:
          TeacherError: If there is no such model or signature.
        """
        import tensorflow as tf

        if not (Path(folder) / _SAVED_MODEL).is_file():
            raise TeacherError(f"{folder} is not a SavedModel: it holds no {_SAVED_MODEL}")
        source = spec.handle if isinstance(spec, TfHubTeacher) else str(folder)
        super().__init__(
            spec.name or source,
            digest_files([folder]),
            spec.window_samples,
            spec.hop_samples,
            bool(spec.normalise),
        )
        self._spec = spec
        self._source = source
        # The loaded object owns the variables that its signatures only refer to.
        self._model = tf.saved_model.load(str(folder))
        self._input = spec.input
        self._call = self._signature(spec.signature) if spec.signature else self._model
        if not callable(self._call):
            raise TeacherError(
                f"{source} is not callable; give `signature`, one of {sorted(self._model.signatures)}"
            )

    def _signature(self, name: str) -> Any:
        signatures = self._model.signatures
        if name not in signatures:
            raise TeacherError(f"{self._source} has no signature {name!r}, only {sorted(signatures)}")
        call = signatures[name]
        inputs = call.structured_input_signature[1]
        if not self._input:
            free = sorted(set(inputs) - set(self._spec.arguments))
            if len(free) != 1:
                raise TeacherError(
                    f"{self._source}: signature {name!r} has the inputs {free}; say by `input` which one is "
                    "the waveform, and give the others under `arguments`"
                )
            self._input = free[0]
        elif self._input not in inputs:
            raise TeacherError(
                f"{self._source}: signature {name!r} has no input {self._input!r}, only {sorted(inputs)}"
            )
        return call

    def _embed(self, waveforms: Array) -> Array:
        if self._spec.batched:
            return _mean_over_time(self._ask(waveforms), len(waveforms))
        return np.concatenate([_mean_over_time(self._ask(waveform), 1) for waveform in waveforms])

    def _ask(self, waveform: Array) -> Array:
        import tensorflow as tf

        tensor = tf.constant(waveform)
        arguments: dict[str, Any] = dict(self._spec.arguments)
        if self._spec.signature:
            specs = self._call.structured_input_signature[1]
            arguments = {key: tf.constant(value, specs[key].dtype) for key, value in arguments.items()}
        if self._input:
            answer = self._call(**{self._input: tensor}, **arguments)
        else:
            answer = self._call(tensor, **arguments)
        values: Array = np.asarray(self._select(answer), np.float32)
        return values

    def _select(self, answer: Any) -> Any:
        """The wanted output of a dict, a tuple or a single tensor."""
        wanted = self._spec.output
        if isinstance(answer, dict):
            if not wanted and len(answer) == 1:
                return next(iter(answer.values()))
            if wanted not in answer:
                raise TeacherError(f"{self._source} has no output {wanted!r}, only {sorted(answer)}")
            return answer[wanted]
        if isinstance(answer, tuple | list):
            if not wanted.isdigit() or int(wanted) >= len(answer):
                raise TeacherError(
                    f"{self._source} returns {len(answer)} outputs without names; `output` must be an index "
                    f"from 0 to {len(answer) - 1}, not {wanted!r}"
                )
            return answer[int(wanted)]
        return answer


def _mean_over_time(values: Array, count: int) -> Array:
    """``(n, ..., dim)`` to ``(n, dim)``; of one sound, ``(..., dim)`` to ``(1, dim)``."""
    if values.ndim == 0:
        raise TeacherError("the teacher's output is a single number, expected vectors")
    vectors = values.reshape(count, -1, values.shape[-1])
    return vectors.mean(axis=1, dtype=np.float32)
