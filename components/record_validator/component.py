"""The components RecordValidator and CuratedSchema."""

from __future__ import annotations

from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Schema

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.record_validator.curated_schema import RecordKind, schema_text
from components.record_validator.statistics import statistics_options

__all__ = ["CuratedSchema", "RecordKind", "RecordValidator", "statistics_options"]


class RecordValidator(Component):
    """ExampleValidator that stops the run on anomalies and says which.

    Attributes:
      statistics: Of the records.
      schema: What they are held against.
      exclude_splits: Which splits are not validated, as ExampleValidator takes them; none.
      code_digest: Digest of the component's code; a change runs it again.
      anomalies: What differs.
    """

    statistics: Input[ExampleStatistics]
    schema: Input[Schema]
    exclude_splits: Parameter[str] = field(default="[]")
    code_digest: Parameter[str] = field(default="")
    anomalies: Output[ExampleAnomalies] = output()


class CuratedSchema(Component, executor="SchemaExecutor"):
    """Brings a curated schema in by its text.

    The stock ImportSchemaGen is cached by the path of the file: after a change of the file it would go on
    serving the old one, and the path would have to exist wherever the component runs.

    Attributes:
      schema_text: The schema as text.
      schema: The artifact.
    """

    schema_text: Parameter[str]
    schema: Output[Schema] = output()

    def __init__(self, kind: RecordKind) -> None:
        """Makes the component for one kind of record."""
        super().__init__(schema_text=schema_text(kind))
