"""The components RecordValidator and CuratedSchema."""

from __future__ import annotations

from typing import ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_component_specs import ExampleValidatorSpec

from components.record_validator.curated_schema import RecordKind, schema_text
from components.record_validator.executor import (
    CODE_DIGEST_PARAMETER,
    SCHEMA_KEY,
    SCHEMA_TEXT_KEY,
    Executor,
    SchemaExecutor,
)


class RecordValidatorSpec(types.ComponentSpec):
    """Specification of RecordValidator: ExampleValidator's, and a digest of the code."""

    PARAMETERS = {
        **ExampleValidatorSpec.PARAMETERS,
        CODE_DIGEST_PARAMETER: ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = ExampleValidatorSpec.INPUTS
    OUTPUTS = ExampleValidatorSpec.OUTPUTS


class RecordValidator(base_component.BaseComponent):
    """ExampleValidator that stops the run on anomalies and says which."""

    SPEC_CLASS = RecordValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, *, statistics: types.BaseChannel, schema: types.BaseChannel, code_digest: str = ""
    ) -> None:
        """Makes the component; every split is validated.

        Args:
          statistics: Of the records, an ``ExampleStatistics``.
          schema: What they are held against.
          code_digest: Digest of the component's code; a change runs it again.
        """
        parameters = {
            standard_component_specs.STATISTICS_KEY: statistics,
            standard_component_specs.SCHEMA_KEY: schema,
            standard_component_specs.EXCLUDE_SPLITS_KEY: "[]",
            CODE_DIGEST_PARAMETER: code_digest,
            standard_component_specs.ANOMALIES_KEY: types.Channel(type=standard_artifacts.ExampleAnomalies),
        }
        super().__init__(spec=RecordValidatorSpec(**parameters))


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
