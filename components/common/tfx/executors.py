"""Executors that are given a task of their component in place of TFX's dictionaries."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, get_args

from tfx import types
from tfx.dsl.components.base import base_beam_executor, base_executor

from components.common.tfx.contract import Component

_C = TypeVar("_C", bound=Component)


class _Runs(Generic[_C]):
    """Reads the task of the component that stands in the class statement, and runs it."""

    _component: ClassVar[type[Component]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in getattr(cls, "__orig_bases__", ()):
            for component in get_args(base):
                if isinstance(component, type):
                    cls._component = component

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the task that TFX describes."""
        task: Any = self._component.task(input_dict, output_dict, exec_properties)
        self.run(task)

    def run(self, task: _C) -> None:
        """Does what the component is for.

        Args:
          task: The component as its executor sees it: artifacts, and parameters as values.
        """
        raise NotImplementedError


class TaskExecutor(_Runs[_C], base_executor.BaseExecutor):
    """Executor of a component: ``class Executor(TaskExecutor[TfliteConverter])``."""


class BeamTaskExecutor(_Runs[_C], base_beam_executor.BaseBeamExecutor):
    """The same of a component whose executor has Beam."""
