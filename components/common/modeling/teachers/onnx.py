"""Teachers in the ONNX format, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
from schemas.teachers import OnnxTeacher, teacher_files

_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
_EMBEDDING_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
_WAVEFORM_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")


class OnnxNetwork(Teacher):
    """Calls an ONNX network and takes the mean of its output over time, where it has a time axis.

    It runs on one thread of the CPU, with deterministic kernels where onnxruntime has a choice.
    """

    def __init__(self, spec: OnnxTeacher) -> None:
        """Loads the network and finds its inputs and its output.

        Raises:
          TeacherError: If onnxruntime cannot read the file, an input or output is not there, or the
            waveform's input has another rank, type or length than the description says.
        """
        if not Path(spec.path).is_file():
            raise TeacherError(f"there is no ONNX file {spec.path}")
        try:
            files = teacher_files(spec)
        except ValueError as error:
            raise TeacherError(f"onnxruntime cannot read {spec.path}: {error}") from error
        self._spec = spec
        self._session = _open(spec.path)
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        self._input = self._waveform_input()
        self._output = self._wanted_output()
        self._time_axis = self._find_time_axis()
        shape = self._inputs[self._input].shape
        self._one_by_one = not spec.batched or shape[0] == 1
        fixed = shape[-1] if isinstance(shape[-1], int) else 0
        window = window_of(spec.path, fixed, spec.window_samples)
        super().__init__(
            spec.name or Path(spec.path).stem,
            digest_files(files),
            window,
            spec.hop_samples,
            bool(spec.normalise),
        )

    @property
    def outputs(self) -> list[str]:
        """Outputs by name."""
        return [f"{one.name} ({one.type} {tuple(one.shape)})" for one in self._session.get_outputs()]

    def _waveform_input(self) -> str:
        spec, inputs = self._spec, self._inputs
        unknown = sorted(set(spec.arguments) - set(inputs))
        if unknown:
            raise TeacherError(f"{spec.path} has no inputs {unknown} (arguments), only {sorted(inputs)}")
        if spec.input and spec.input not in inputs:
            raise TeacherError(f"{spec.path} has no input {spec.input!r}, only {sorted(inputs)}")
        free = sorted(set(inputs) - set(spec.arguments))
        if free != [spec.input] and len(free) != 1:
            raise TeacherError(
                f"{spec.path} has the inputs {free}; name the waveform with `input`, and give "
                "the others under `arguments`"
            )
        name = spec.input or free[0]
        found, layout = inputs[name], "(batch, samples)" if spec.batched else "(samples,)"
        if len(found.shape) != (2 if spec.batched else 1):
            raise TeacherError(
                f"{spec.path}: input {name!r} has the shape {found.shape}, expected {layout}; `batched: true`"
                " is for (batch, samples), `batched: false` for (samples,)"
            )
        if found.type not in _WAVEFORM_TYPES:
            raise TeacherError(
                f"{spec.path}: input {name!r} is {found.type}, accepted for a waveform are {_WAVEFORM_TYPES}"
            )
        return name

    def _wanted_output(self) -> str:
        kinds = {one.name: one.type for one in self._session.get_outputs()}
        names, wanted = list(kinds), self._spec.output
        if wanted.isdigit() and wanted not in names and int(wanted) < len(names):
            wanted = names[int(wanted)]
        if wanted and wanted not in names:
            raise TeacherError(f"{self._spec.path} has no output {wanted!r}, only {names}, by name or index")
        if not wanted and len(names) > 1:
            raise TeacherError(f"{self._spec.path} has the outputs {names}; choose one with `output`")
        wanted = wanted or names[0]
        if kinds[wanted] not in _EMBEDDING_TYPES:
            usable = [name for name, kind in kinds.items() if kind in _EMBEDDING_TYPES]
            raise TeacherError(
                f"{self._spec.path}: output {wanted!r} is {kinds[wanted]}, which is not an embedding; "
                "outputs "
                f"of floating-point numbers for `output` are {usable or 'none'}"
            )
        return wanted

    def _find_time_axis(self) -> int | None:
        """As described; else the last axis if the file fixes the one before and leaves the last free."""
        shape = next(one.shape for one in self._session.get_outputs() if one.name == self._output)
        if self._spec.time_axis is None and len(shape) == (3 if self._spec.batched else 2):
            channels, last = shape[-2:]
            if isinstance(channels, int) and channels > 1 and not isinstance(last, int):
                return -1
        return self._spec.time_axis

    def _embed(self, waveforms: Array) -> Array:
        if not self._one_by_one:
            answer = self._with_time(self._ask(waveforms), len(waveforms))
            return mean_over_time(answer, self._time_axis)
        sounds = waveforms[:, None] if self._spec.batched else waveforms
        answers = [self._with_time(self._ask(one), 1) for one in sounds]
        return np.concatenate([mean_over_time(answer, self._time_axis) for answer in answers])

    def _ask(self, waveform: Array) -> Array:
        scaled = waveform * np.float32(self._spec.scale)
        feed = {self._input: scaled.astype(_DTYPES[self._inputs[self._input].type])}
        sizes = dict(zip(self._inputs[self._input].shape, waveform.shape, strict=True))
        for name, value in self._spec.arguments.items():
            feed[name] = self._constant(name, value, sizes)
        try:
            answer = self._session.run([self._output], feed)[0]
        except Exception as error:  # onnxruntime's own errors have no common base but this
            raise TooShortError(
                f"{self._spec.path} cannot work on a waveform of shape {waveform.shape}: {one_line(error)}"
            ) from error
        return np.asarray(answer, np.float32)

    def _constant(self, name: str, value: float, sizes: dict[Any, int]) -> np.ndarray[Any, Any]:
        """A further input filled with one number; a free dimension is the waveform's of the same name."""
        found = self._inputs[name]
        shape = [size if isinstance(size, int) else sizes.get(size) if size else None for size in found.shape]
        if None in shape or found.type not in _DTYPES:
            raise TeacherError(
                f"{self._spec.path}: input {name!r} is {found.type} of shape {found.shape}; accepted for a "
                f"constant are {sorted(_DTYPES)} whose free dimensions are the waveform's, "
                f"{self._inputs[self._input].shape}"
            )
        return np.full(shape, value, _DTYPES[found.type])

    def _with_time(self, values: Array, count: int) -> Array:
        """``(n, ..., dim)``, also of a network that answers one sound without a batch axis."""
        if self._spec.batched:
            if values.ndim < 2 or len(values) != count:
                raise TeacherError(
                    f"{self._spec.path}: output {self._output!r} has the shape {values.shape} for {count} "
                    "sounds, expected (batch, dim) or (batch, frames, dim)"
                )
            return values
        if not values.ndim:
            raise TeacherError(f"{self._spec.path}: output {self._output!r} is a single number, not vectors")
        return values[None]


def _open(path: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what goes wrong is raised, with the same words
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base but this
        raise TeacherError(
            f"onnxruntime cannot read {path}: {one_line(error)}; `path` must be a whole .onnx file with its "
            "weights beside it"
        ) from error


def load(spec: OnnxTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification."""
    return OnnxNetwork(spec)
