"""A component's contract: what follows from its annotations, for TFX and for its executor."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Literal

import pytest
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, base_executor

import components
from components.common.tfx.contract import (
    Component,
    Input,
    InputList,
    Output,
    Parameter,
    PerCandidate,
    field,
    output,
)
from components.common.tfx.executors import TaskExecutor
from schemas.artifacts import DistillationSet, LatencyReport, StudentModel, TfliteVariants
from schemas.settings import Settings
from schemas.teachers import TeacherSpec, TfHubTeacher


class Size(Settings):
    """How large."""

    width: int = 1


class Everything(Component):
    """One line of each kind."""

    windows: Input[DistillationSet]
    variants: PerCandidate[TfliteVariants]
    size: Parameter[Size]
    start: Input[StudentModel | None] = field(default=None)
    students: PerCandidate[StudentModel] = field(key="student", default=())
    reports: InputList[LatencyReport] = field(key="latency", default=())
    mode: Parameter[Literal["fast", "slow"]] = field(default="fast")
    seed: Parameter[int] = field(default=0)
    teacher: Parameter[TeacherSpec | None] = field(default=None)
    model: Output[StudentModel] = output()

    def prepare(self) -> None:
        """Halves what is wide."""
        self.size = Size(width=self.size.width // 2)


def channel(kind: type[types.Artifact]) -> types.Channel:
    return types.Channel(type=kind)


def make(**changes: Any) -> Everything:
    given: dict[str, Any] = {
        "windows": channel(DistillationSet),
        "variants": [channel(TfliteVariants)] * 2,
        "size": Size(width=8),
    }
    return Everything(**(given | changes))


def artifact(kind: type[types.Artifact], uri: str) -> types.Artifact:
    made = kind()
    made.uri = uri
    return made


def test_the_lines_are_what_tfx_knows() -> None:
    teacher = TfHubTeacher(kind="tfhub", name="t", handle="https://tfhub.example/t/1")
    node = make(
        students=[channel(StudentModel)] * 2, reports=[channel(LatencyReport)], teacher=teacher
    )  # fmt: skip
    assert {name: found.type for name, found in node.inputs.items()} == {
        "windows": DistillationSet,
        "variants_000": TfliteVariants,
        "variants_001": TfliteVariants,
        "student_000": StudentModel,
        "student_001": StudentModel,
        "latency_000": LatencyReport,
    }
    assert {name: found.type for name, found in node.outputs.items()} == {"model": StudentModel}
    assert node.exec_properties == {
        "size": '{"width": 4}',
        "mode": "fast",
        "seed": 0,
        "teacher": teacher.to_parameter(),
    }
    assert not {"windows", "size", "start"} & vars(node).keys()  # TFX keeps the node's own attributes


def test_an_executor_gets_artifacts_and_values() -> None:
    teacher = TfHubTeacher(kind="tfhub", name="t", handle="https://tfhub.example/t/1")
    properties = make(teacher=teacher, seed=3).exec_properties
    variants = [artifact(TfliteVariants, str(index)) for index in range(1001)]
    inputs = {f"variants_{index:03d}": [one] for index, one in enumerate(variants)}
    inputs |= {"windows": [artifact(DistillationSet, "w")], "student_000": [artifact(StudentModel, "s")]}
    task = Everything.task(dict(sorted(inputs.items())), {"model": [artifact(StudentModel, "m")]}, properties)
    assert [one.uri for one in task.variants] == [str(index) for index in range(1001)]
    assert (task.windows.uri, task.model.uri, task.students[0].uri) == ("w", "m", "s")
    assert (task.start, task.reports) == (None, [])
    assert (task.size, task.mode, task.seed, task.teacher) == (Size(width=4), "fast", 3, teacher)


def test_what_tfx_leaves_out_has_its_default() -> None:
    task = Everything.task({}, {}, {"size": "{}", "teacher": "", "mode": None})
    assert (task.teacher, task.mode, task.seed, task.start) == (None, "fast", 0, None)
    with pytest.raises(AttributeError, match="windows"):
        _ = task.windows


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"variants": []}, ValueError, "0 variants"),
        ({"students": [channel(StudentModel)]}, ValueError, "2 variants, 1 students"),
        ({"colour": 1}, TypeError, "colour"),
        ({"seed": "three"}, TypeError, "three|seed"),
        ({"windows": channel(StudentModel)}, TypeError, "windows"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(**changes)


def test_what_is_absent_or_cannot_be_read_is_named() -> None:
    with pytest.raises(TypeError, match="size"):
        Everything(windows=channel(DistillationSet), variants=[])
    with pytest.raises(ValueError, match="width"):
        Everything.task({}, {}, {"size": '{"width": "wide"}'})
    with pytest.raises(ValueError, match="windows is 2 artifacts"):
        Everything.task({"windows": [artifact(DistillationSet, "w")] * 2}, {}, {})


def test_the_executor_of_a_component_is_given_its_task() -> None:
    seen: list[Everything] = []

    class Executor(TaskExecutor[Everything]):
        """Looks."""

        def run(self, task: Everything) -> None:
            """Keeps what it was given."""
            seen.append(task)

    Executor().Do({}, {}, {"size": "{}", "seed": 4})
    assert (seen[0].seed, seen[0].size) == (4, Size())


def test_each_component_names_an_executor_that_is_there() -> None:
    found: dict[str, Any] = {}
    for package in pkgutil.iter_modules(components.__path__):
        if package.name != "common":
            module = importlib.import_module(f"components.{package.name}.component")
            found |= {
                name: value
                for name, value in vars(module).items()
                if isinstance(value, type) and value.__module__ == module.__name__
            }
    assert len(found) == 15  # thirteen components, and RecordValidator with its CuratedSchema
    for name, component in found.items():
        executor = component.EXECUTOR_SPEC.executor_class
        beam = issubclass(component, base_beam_component.BaseBeamComponent)
        assert issubclass(executor, base_executor.BaseExecutor), name
        assert issubclass(executor, base_beam_executor.BaseBeamExecutor) or not beam, name
        assert component.EXECUTOR_SPEC.class_path == f"{executor.__module__}.{executor.__qualname__}", name
