"""The components RecordValidator and CuratedSchema."""

from __future__ import annotations

from typing import ClassVar

from tfx import types
from tfx.components import ExampleValidator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.record_validator.curated_schema import RecordKind, schema_text
from components.record_validator.executor import SCHEMA_KEY, SCHEMA_TEXT_KEY, Executor, SchemaExecutor


class RecordValidator(ExampleValidator):
    """ExampleValidator that stops the run on anomalies and says which."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


class CuratedSchemaSpec(types.ComponentSpec):
    """Specification of CuratedSchema."""

    PARAMETERS = {SCHEMA_TEXT_KEY: ExecutionParameter(type=str)}
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS = {SCHEMA_KEY: ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Brings a curated schema in by its text.

    The stock ImportSchemaGen is cached by the path of the file: after a change of the file it would go on
    serving the old one, and the path would have to exist wherever the component runs.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SchemaExecutor)

    def __init__(self, kind: RecordKind) -> None:
        """Makes the component for one kind of record."""
        parameters = {
            SCHEMA_TEXT_KEY: schema_text(kind),
            SCHEMA_KEY: types.Channel(type=standard_artifacts.Schema),
        }
        super().__init__(spec=CuratedSchemaSpec(**parameters))
