"""Teachers that are TensorFlow SavedModels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.common.modeling.teachers.base import (
    Array,
    Teacher,
    TeacherError,
    digest_files,
    mean_over_time,
    one_line,
    window_of,
)
from schemas.teachers import SavedModelTeacher, TfHubTeacher

_SAVED_MODEL = "saved_model.pb"


def _name(folder: Path) -> str:
    """Of a SavedModel: its folder, with the one above if it is a version's."""
    folder = folder.absolute()
    return f"{folder.parent.name}/{folder.name}" if folder.name.isdigit() else folder.name


class SavedModelEmbedder(Teacher):
    """Calls a SavedModel and takes the mean of its output over time, where it has a time axis."""

    def __init__(self, spec: SavedModelTeacher | TfHubTeacher, folder: str | Path) -> None:
        """Loads the model.

        Args:
          spec: How to call it.
          folder: Where ``saved_model.pb`` is.

        Raises:
          TeacherError: If there is no such model, graph or signature, or it cannot be called as described.
        """
        if not (Path(folder) / _SAVED_MODEL).is_file():
            raise TeacherError(f"{folder} is not a SavedModel: it holds no {_SAVED_MODEL}")
        source = spec.handle if isinstance(spec, TfHubTeacher) else str(folder)
        super().__init__(
            spec.name or (source if isinstance(spec, TfHubTeacher) else _name(Path(folder))),
            digest_files([folder]),
            spec.window_samples,
            spec.hop_samples,
            bool(spec.normalise),
        )
        self._spec = spec
        self._source = source
        # The loaded object owns the variables that its signatures only refer to.
        self._model = _load(spec, folder)
        self._input = spec.input
        self._dtypes: dict[str, Any] = {}
        self._outputs: list[str] = []
        self._one_by_one = not spec.batched
        self._call = self._signature(spec.signature) if spec.signature else self._model
        if not callable(self._call):
            raise TeacherError(
                f"{source} is not callable; give `signature`, one of {sorted(self._model.signatures)}"
            )

    @property
    def outputs(self) -> list[str]:
        """Outputs of the last answer, by name or index."""
        return self._outputs

    def _signature(self, name: str) -> Any:
        signatures = self._model.signatures
        if name not in signatures:
            raise TeacherError(f"{self._source} has no signature {name!r}, only {sorted(signatures)}")
        call = signatures[name]
        inputs = call.structured_input_signature[1]
        place, given = f"{self._source}: signature {name!r}", set(self._spec.arguments)
        if not self._input:
            free = sorted(set(inputs) - given)
            if len(free) != 1:
                raise TeacherError(
                    f"{place} has the inputs {free}; name the waveform with `input`, and give the "
                    "others under `arguments`"
                )
            self._input = free[0]
        elif self._input not in inputs:
            raise TeacherError(f"{place} has no input {self._input!r}, only {sorted(inputs)}")
        if given - set(inputs):
            raise TeacherError(
                f"{place} has no inputs {sorted(given - set(inputs))} (arguments), only {sorted(inputs)}"
            )
        faults = _call_faults(inputs, self._input, self._spec)
        if faults:
            raise TeacherError(f"{place}: {'; '.join(faults)}")
        self._dtypes = {key: one.dtype for key, one in inputs.items()}
        self._take_shape(inputs[self._input].shape)
        return call

    def _take_shape(self, shape: Any) -> None:
        """One sound at a time, and windows of one length, where the waveform's input fixes them."""
        if shape.rank is None:
            return
        self._one_by_one |= shape.rank == 2 and shape[0] == 1
        self.window_samples = window_of(self._source, shape[-1] or 0, self.window_samples)
        self.hop_samples = self.hop_samples or self.window_samples

    def _embed(self, waveforms: Array) -> Array:
        if not self._one_by_one:
            return mean_over_time(self._of_each(self._ask(waveforms), len(waveforms)), self._spec.time_axis)
        sounds = waveforms[:, None] if self._spec.batched else waveforms
        answers = [self._of_each(self._ask(sound), 1) for sound in sounds]
        return np.concatenate([mean_over_time(answer, self._spec.time_axis) for answer in answers])

    def _ask(self, waveform: Array) -> Array:
        import tensorflow as tf

        tensor = tf.constant(waveform, self._dtypes.get(self._input, tf.float32))
        arguments: dict[str, Any] = dict(self._spec.arguments)
        if self._dtypes:
            arguments = {key: tf.constant(value, self._dtypes[key]) for key, value in arguments.items()}
        try:
            if self._input:
                answer = self._call(**{self._input: tensor}, **arguments)
            else:
                answer = self._call(tensor, **arguments)
        except (
            ValueError,
            TypeError,
        ) as error:  # how TensorFlow refuses arguments, before it computes anything
            raise TeacherError(self._refused(error, waveform)) from error
        chosen = tf.convert_to_tensor(self._select(answer))
        if not chosen.dtype.is_floating:
            raise TeacherError(
                f"{self._source}: the output is {chosen.dtype.name}, which is not an embedding; choose by "
                "`output` one of floating-point numbers"
            )
        return np.asarray(tf.cast(chosen, tf.float32))

    def _refused(self, error: Exception, waveform: Array) -> str:
        """Why the object cannot be called like this, by what it says it can be called with."""
        faults = []
        for inputs in _forms(self._call):
            name = self._input or next(iter(inputs), "")
            found = _call_faults(inputs, name, self._spec) if name in inputs else []
            unknown = sorted(set(self._spec.arguments) - set(inputs))
            if name not in inputs:
                found.append(f"it has no input {name!r}, only {sorted(inputs)}: change `input`")
            if unknown:
                found.append(f"it has no inputs {unknown}, only {sorted(inputs)}: change `arguments`")
            faults.append("; ".join(found))
        if faults and all(faults):
            return f"{self._source} cannot be called like this: {', or '.join(dict.fromkeys(faults))}"
        return (
            f"{self._source} cannot be called with a waveform of shape {waveform.shape} and the arguments "
            f"{self._spec.arguments}: {one_line(error)}; change `batched`, "
            "`arguments`, `input` or `signature`"
        )

    def _select(self, answer: Any) -> Any:
        """The wanted output of a dict, a tuple or a single tensor."""
        wanted = self._spec.output
        if isinstance(answer, dict):
            self._outputs = sorted(answer)
            if not wanted and len(answer) == 1:
                return next(iter(answer.values()))
            if wanted not in answer:
                raise TeacherError(f"{self._source} has no output {wanted!r}, only {sorted(answer)}")
            return answer[wanted]
        if isinstance(answer, tuple | list):
            self._outputs = list(map(str, range(len(answer))))
            if not wanted.isdigit() or int(wanted) >= len(answer):
                raise TeacherError(
                    f"{self._source} returns {len(answer)} outputs without names; `output` must be an index "
                    f"from 0 to {len(answer) - 1}, not {wanted!r}"
                )
            return answer[int(wanted)]
        return answer

    def _of_each(self, values: Array, count: int) -> Array:
        """``(n, ..., dim)``, also of a model that answers one sound without a batch axis."""
        if values.ndim == 0:
            raise TeacherError(f"{self._source}: the output is a single number, expected vectors")
        if count == 1:
            has_batch = values.ndim >= (2 if self._spec.batched else 3) and len(values) == 1
            return values if has_batch else values[None]
        if values.ndim < 2 or len(values) != count:
            raise TeacherError(
                f"{self._source}: the output has the shape {values.shape} for {count} sounds, expected "
                "(batch, dim) or (batch, frames, dim); for a model that takes one sound say `batched: false`"
            )
        return values


def _load(spec: SavedModelTeacher | TfHubTeacher, folder: str | Path) -> Any:
    import tensorflow as tf

    sets = _tag_sets(Path(folder) / _SAVED_MODEL)
    if (spec.tags and set(spec.tags) not in map(set, sets)) or (not spec.tags and len(sets) > 1):
        raise TeacherError(
            f"{folder} holds graphs under the tag sets {', '.join(map(str, sets))}; set `tags` to one of "
            f"them (now {list(spec.tags)})"
        )
    try:
        return tf.saved_model.load(str(folder), tags=list(spec.tags) or None)
    except Exception as error:  # a missing file, a wrong tag and an unknown operator have no common base
        raise TeacherError(
            f"{folder} cannot be loaded: {one_line(error)}. {_what_to_do(spec, folder)}"
        ) from error


def _tag_sets(path: Path) -> list[list[str]]:
    """Tag sets of the graphs of a ``saved_model.pb``; none if it is not one."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = SavedModel()
    try:
        content.ParseFromString(path.read_bytes())
    except DecodeError:
        return []
    return [sorted(graph.meta_info_def.tags) for graph in content.meta_graphs]


def _what_to_do(spec: SavedModelTeacher | TfHubTeacher, folder: str | Path) -> str:
    if isinstance(spec, TfHubTeacher):
        return (
            f"The cache's copy of {spec.handle} is not whole, as a cleaner of temporary files leaves it: "
            f"remove {folder}, it is downloaded again; TFHUB_CACHE_DIR puts the cache elsewhere"
        )
    return (
        "`path` must be a whole SavedModel: saved_model.pb with its variables/ and assets/, made of "
        "operators this TensorFlow has"
    )


def _forms(call: Any) -> list[dict[str, Any]]:
    """What a loaded object may be called with: for each form the tensors it wants by name, in order."""
    import tensorflow as tf

    found = []
    function = call if hasattr(call, "concrete_functions") else call.__call__
    for form in getattr(function, "concrete_functions", ()):
        wanted = tf.nest.flatten(form.structured_input_signature)
        found.append({one.name: one for one in wanted if isinstance(one, tf.TensorSpec)})
    return found


def _call_faults(
    inputs: Mapping[str, Any], waveform: str, spec: SavedModelTeacher | TfHubTeacher
) -> list[str]:
    """What is wrong with a call: rank and type of the waveform, further inputs that nobody gives."""
    faults = []
    wanted, rank = inputs[waveform], 2 if spec.batched else 1
    if wanted.shape.rank not in (None, rank):
        change = {1: ": set `batched: false`", 2: ": set `batched: true`"}.get(wanted.shape.rank, "")
        faults.append(
            f"its input {waveform!r} has the shape {tuple(wanted.shape)}, given is "
            f"{'(batch, samples)' if spec.batched else '(samples,)'}{change}"
        )
    if not wanted.dtype.is_floating:
        faults.append(f"its input {waveform!r} is {wanted.dtype.name}, a waveform is float32")
    missing = sorted(set(inputs) - set(spec.arguments) - {waveform})
    if missing:
        example = ", ".join(f"{name}: {16000 if 'rate' in name else '<value>'}" for name in missing)
        faults.append(f"it wants {missing} too: give `arguments: {{{example}}}`")
    return faults


def load(spec: SavedModelTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification."""
    return SavedModelEmbedder(spec, spec.path)
