"""What a component takes, is told and makes: stated once, in its class.

::

    class StudentTrainer(Component):
        windows: Input[DistillationSet]
        start: Input[StudentModel | None] = field(default=None)
        seed: Parameter[int]
        model: Output[StudentModel] = output()

From these lines follow the specification that TFX keeps, the constructor (channels for inputs and values
for parameters, in this order) and what the executor gets (:meth:`Component.task`): artifacts in place of
channels, and parameters as the values they were written from. ML Metadata and Kubeflow know everything by
the names that stand here.

Kubeflow's compiler knows neither ``union`` nor ``ForEach``: a :class:`PerCandidate` or :class:`InputList`
is as many inputs as there are channels, ``variants_000`` and so on.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
)

from pydantic import TypeAdapter
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import import_utils

from components.common.tfx.input_keys import input_key, number_of, role_of

_T = TypeVar("_T")
_REQUIRED: Any = object()


class Input(Generic[_T]):
    """A channel; the executor gets its artifact, or None where ``| None`` allows that."""

    if TYPE_CHECKING:

        def __get__(self, component: object, owner: type | None = None) -> _T: ...
        def __set__(self, component: object, channel: types.BaseChannel | None) -> None: ...


class InputList(Generic[_T]):
    """Channels of one kind; the executor gets their artifacts in the same order."""

    if TYPE_CHECKING:

        def __get__(self, component: object, owner: type | None = None) -> list[_T]: ...
        def __set__(self, component: object, channels: Sequence[types.BaseChannel]) -> None: ...


class PerCandidate(Generic[_T]):
    """An :class:`InputList` with one channel for each candidate; one with a default may be empty."""

    if TYPE_CHECKING:

        def __get__(self, component: object, owner: type | None = None) -> list[_T]: ...
        def __set__(self, component: object, channels: Sequence[types.BaseChannel]) -> None: ...


class Parameter(Generic[_T]):
    """An int, a string, or settings, which travel as their JSON; None travels as an empty string."""

    if TYPE_CHECKING:

        def __get__(self, component: object, owner: type | None = None) -> _T: ...
        def __set__(self, component: object, value: _T) -> None: ...


class Output(Generic[_T]):
    """An artifact that the executor makes."""

    if TYPE_CHECKING:

        def __get__(self, component: object, owner: type | None = None) -> _T: ...


def field(*, default: Any = _REQUIRED, key: str = "") -> Any:
    """Says more of an input or a parameter than its type.

    Args:
      default: Its value if none is given.
      key: Its name for TFX, where that is not the attribute's.
    """
    return default, key


def output(*, init: Literal[False] = False) -> Any:
    """Marks an output: it is made, so the constructor does not take it."""
    return _REQUIRED, ""


@dataclass(frozen=True)
class _Field:
    name: str
    kind: type
    of: Any
    default: Any
    key: str

    @property
    def is_list(self) -> bool:
        return self.kind in (InputList, PerCandidate)

    @property
    def argument(self) -> inspect.Parameter:
        """What the constructor takes."""
        default = inspect.Parameter.empty if self.default is _REQUIRED else self.default
        return inspect.Parameter(self.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)

    @property
    def artifact(self) -> type[types.Artifact]:
        """The artifact's type, of ``StudentModel | None`` too."""
        artifact: type[types.Artifact] = next(kind for kind in get_args(self.of) or [self.of])
        return artifact

    @property
    def is_plain(self) -> bool:
        """Whether TFX keeps the parameter as it is."""
        return self.of in (int, str) or get_origin(self.of) is Literal

    def write(self, value: Any) -> int | str:
        if self.is_plain:
            plain: int | str = value
            return plain
        return "" if value is None else str(value.to_parameter())

    def read(self, parameter: int | str | None) -> Any:
        if parameter is None or (parameter == "" and not self.is_plain):
            return self.default
        return parameter if self.is_plain else TypeAdapter(self.of).validate_json(str(parameter))

    def channels(self, given: Any) -> Mapping[str, types.BaseChannel]:
        """The channels of an input under the names that TFX knows them by."""
        if self.is_list:
            return {input_key(self.key, index): channel for index, channel in enumerate(given)}
        return {} if given is None else {self.key: given}

    def artifacts(self, given: Mapping[str, list[Any]]) -> Any:
        """What an executor is given of an input or an output."""
        if not self.is_list:
            return _single(given[self.key], self.key) if given.get(self.key) else self.default
        found = {number_of(key): key for key in given if role_of(key) == self.key}
        numbers = sorted(number for number in found if number is not None)
        return [_single(given[found[number]], found[number]) for number in numbers]


@dataclass_transform(field_specifiers=(field, output))
class Component(base_component.BaseComponent):
    """A component whose annotations are its contract; ``Executor`` in ``executor.py`` beside it runs it.

    ``class Part(Component, executor="PartExecutor")`` names another class of that file.
    """

    SPEC_CLASS = types.ComponentSpec
    _fields: ClassVar[tuple[_Field, ...]] = ()

    def __init_subclass__(cls, executor: str = "Executor", **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__ != __name__:
            cls._fields = (*cls._fields, *_declared(cls))
            is_beam = issubclass(cls, base_beam_component.BaseBeamComponent)
            spec = _BeamExecutorPath if is_beam else ExecutorPath
            cls.EXECUTOR_SPEC = spec(f"{cls.__module__.rpartition('.')[0]}.executor.{executor}")

    if not TYPE_CHECKING:  # a type checker derives the constructor from the annotations

        def __init__(self, *positional: Any, **given: Any) -> None:
            """Makes the node.

            Raises:
              TypeError: If something required is absent, or something is given that is not declared.
              ValueError: If what is given does not belong together.
            """
            taken = [one for one in self._fields if one.kind is not Output]
            signature = inspect.Signature([one.argument for one in taken])
            bound = signature.bind(*positional, **given)
            bound.apply_defaults()
            vars(self).update(bound.arguments)
            self.prepare()
            values = {one.name: vars(self).pop(one.name) for one in taken}
            _check_candidates(type(self).__name__, taken, values)
            super().__init__(spec=_specify(type(self).__name__, self._fields, values))

    def prepare(self) -> None:
        """Looks at what was given, and may change it, before the node is made; does nothing by default.

        Raises:
          ValueError: If it does not belong together.
        """

    @classmethod
    def task(
        cls,
        input_dict: Mapping[str, list[types.Artifact]],
        output_dict: Mapping[str, list[types.Artifact]],
        exec_properties: Mapping[str, Any],
    ) -> Self:
        """What an executor is to do: its attributes are artifacts and values.

        Raises:
          ValueError: If a parameter cannot be read, or an input is not one artifact.
        """
        task = cls.__new__(cls)
        for one in cls._fields:
            if one.kind is Parameter:
                value = one.read(exec_properties.get(one.key))
            else:
                value = one.artifacts(output_dict if one.kind is Output else input_dict)
            if value is not _REQUIRED:  # who asks for what is absent learns of it
                setattr(task, one.name, value)
        return task


class BeamComponent(Component, base_beam_component.BaseBeamComponent):
    """A :class:`Component` whose executor has Beam."""


class ExecutorPath(executor_spec.ExecutorClassSpec):
    """An executor by its path: it and its libraries are imported by whoever runs or compiles it."""

    def __init__(self, path: str) -> None:
        self._class_path = path
        self.extra_flags: list[str] = []

    @property
    def executor_class(self) -> type:
        """The class itself."""
        found: type = import_utils.import_class_by_path(self._class_path)
        return found


class _BeamExecutorPath(ExecutorPath, executor_spec.BeamExecutorSpec):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.beam_pipeline_args: list[Any] = []


def _declared(cls: type) -> Iterator[_Field]:
    for name, annotation in inspect.get_annotations(cls, eval_str=True).items():
        kind: Any = get_origin(annotation)
        if kind in (Input, InputList, PerCandidate, Parameter, Output):
            default, key = cls.__dict__.get(name, (_REQUIRED, ""))
            yield _Field(name, kind, get_args(annotation)[0], default, key or name)
            if name in cls.__dict__:
                delattr(cls, name)


def _check_candidates(component: str, fields: Sequence[_Field], values: Mapping[str, Any]) -> None:
    lists = {one.name: len(values[one.name]) for one in fields if one.kind is PerCandidate}
    optional = {one.name for one in fields if one.default is not _REQUIRED}
    counts = {count for name, count in lists.items() if count or name not in optional}
    if lists and (len(counts) != 1 or 0 in counts):
        told = ", ".join(f"{count} {name}" for name, count in lists.items())
        raise ValueError(f"{component} needs one of each for at least one candidate, got {told}")


def _specify(component: str, fields: Sequence[_Field], values: Mapping[str, Any]) -> types.ComponentSpec:
    parameters: dict[str, ExecutionParameter] = {}
    inputs: dict[str, ChannelParameter] = {}
    outputs: dict[str, ChannelParameter] = {}
    given: dict[str, Any] = {}
    for one in fields:
        if one.kind is Output:
            outputs[one.key] = ChannelParameter(type=one.artifact)
            given[one.key] = types.Channel(type=one.artifact)
        elif one.kind is Parameter:
            parameters[one.key] = ExecutionParameter(type=int if one.of is int else str)
            given[one.key] = one.write(values[one.name])
        else:
            channels = one.channels(values[one.name])
            inputs |= {key: ChannelParameter(type=one.artifact) for key in channels}
            given |= channels
    members = {"PARAMETERS": parameters, "INPUTS": inputs, "OUTPUTS": outputs}
    spec: types.ComponentSpec = type(f"{component}Spec", (types.ComponentSpec,), members)(**given)
    return spec


def _single(artifacts: Sequence[Any], key: str) -> Any:
    if len(artifacts) != 1:
        raise ValueError(f"{key} is {len(artifacts)} artifacts, accepted: one")
    return artifacts[0]
