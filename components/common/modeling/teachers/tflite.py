"""Teachers made of TFLite files, one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.common.modeling.litert import LiteRtModel, custom_operators
from components.common.modeling.teachers.base import (
    Array,
    Teacher,
    TeacherError,
    TooShortError,
    digest_files,
    mean_over_time,
    one_line,
    window_of,
)
from schemas.teachers import SlidingWindows, TfliteStage, TfliteTeacher


class LiteRtChain(Teacher):
    """The first file takes the waveform, each other one what the file before gave.

    A file whose shape is free is asked about the whole batch at once, a file of one fixed shape about
    one item after the other.
    """

    def __init__(self, spec: TfliteTeacher) -> None:
        """Loads the files.

        Raises:
          TeacherError: If an input or output is not there, or the window is not the one the file fixes.
        """
        self._stages = [_Stage(stage) for stage in spec.stages]
        files = [stage.file for stage in spec.stages]
        window = window_of(files[0], self._stages[0].fixed_samples, spec.window_samples)
        super().__init__(
            spec.name or " > ".join(Path(file).stem for file in files),
            digest_files(files),
            window,
            spec.hop_samples,
            bool(spec.normalise),
        )

    @property
    def outputs(self) -> list[str]:
        """Outputs of the last file, by index."""
        return [
            f"{index} ({one.dtype} {tuple(one.shape)})" for index, one in enumerate(self._stages[-1].outputs)
        ]

    def _embed(self, waveforms: Array) -> Array:
        values = waveforms
        for stage in self._stages:
            values = stage.run(values)
        return mean_over_time(values)


class _Stage:
    """One file with what happens before and after it."""

    def __init__(self, spec: TfliteStage) -> None:
        self._spec = spec
        self._model = LiteRtModel(spec.file)
        inputs, outputs = self._model.inputs, self._model.outputs
        if len(inputs) != 1 or inputs[0].dtype != "float32":
            raise TeacherError(f"{spec.file} must have one float32 input, it has {inputs}")
        if spec.output >= len(outputs):
            raise TeacherError(f"{spec.file} has {len(outputs)} outputs, there is no output {spec.output}")
        try:
            self._model.check_output(spec.output)
        except ValueError as error:
            raise TeacherError(f"{error}; choose one with `output`") from error
        self._shape = inputs[0].shape
        self.outputs = outputs

    @property
    def fixed_samples(self) -> int:
        """Samples of the waveform the file fixes; 0 if they are free."""
        sizes = self._shape if len(self._shape) == 1 else self._shape[1:]
        return int(np.prod(sizes)) if min(sizes) > 0 else 0

    def run(self, values: Array) -> Array:
        """From ``(n, ...)`` of the stage before to ``(n, ...)``, or ``(n, dim)`` if it slides."""
        spec = self._spec
        if spec.scale != 1.0 or spec.offset != 0.0:
            values = values * np.float32(spec.scale) + np.float32(spec.offset)
        if spec.windows is None:
            return self._invoke(values)
        windows = _slide(values, spec.windows, spec.file)
        count = windows.shape[1]
        vectors = self._invoke(windows.reshape(-1, *windows.shape[2:])).reshape(len(values), count, -1)
        if spec.windows.pool == "flatten":
            return vectors.reshape(len(values), -1)
        return vectors.mean(axis=1, dtype=np.float32)

    def _invoke(self, values: Array) -> Array:
        if len(self._shape) == 1:
            return np.stack([self._ask(value) for value in values])
        if self._shape[0] == 1:
            return np.concatenate([self._ask(value[None]) for value in values])
        return self._ask(values)

    def _ask(self, values: Array) -> Array:
        values = self._fit(values)
        try:
            self._model.resize_input(0, values.shape)
            return self._model.run(values)[self._spec.output].astype(np.float32, copy=False)
        except RuntimeError as error:
            unknown = [name for name in custom_operators(self._spec.file) if name in str(error)]
            if unknown or min(self._shape) > 0:
                raise TeacherError(
                    f"{self._spec.file} cannot be run by LiteRT: {one_line(error)}; convert it with TFLite's "
                    "builtin operators only"
                ) from error
            raise TooShortError(
                f"{self._spec.file} cannot work on an input of shape {values.shape}: {one_line(error)}"
            ) from error

    def _fit(self, values: Array) -> Array:
        """The values in the input's rank; a fixed dimension must come out as the file wants it."""
        wanted = self._shape
        same_rank = len(wanted) == values.ndim
        shape = list(values.shape) if same_rank else [values.shape[0], *wanted[1:]]
        if shape.count(-1) > 1 or any(
            want not in (-1, have) for want, have in zip(wanted[1:], shape[1:], strict=True)
        ):
            raise TeacherError(f"{self._spec.file} wants {wanted}, the stage before gives {values.shape}")
        try:
            return np.ascontiguousarray(values.reshape(shape), np.float32)
        except ValueError as error:
            raise TeacherError(
                f"{self._spec.file} wants {wanted}, the stage before gives {values.shape}"
            ) from error


def _slide(values: Array, windows: SlidingWindows, file: str) -> Array:
    """``(n, ..., frames, features)`` to ``(n, windows, frames of a window, features)``."""
    frames = values.reshape(len(values), -1, values.shape[-1])
    if frames.shape[1] < windows.frames:
        raise TooShortError(
            f"{file} slides over {windows.frames} frames, the stage before gives {frames.shape[1]}"
        )
    starts = range(0, frames.shape[1] - windows.frames + 1, windows.hop)
    return np.stack([frames[:, start : start + windows.frames] for start in starts], axis=1)


def load(spec: TfliteTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification."""
    return LiteRtChain(spec)
