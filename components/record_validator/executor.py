"""Executors of CuratedSchema and RecordValidator."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components.example_validator import executor as example_validator
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs

from components.common.tfx.evidence import keep_evidence
from components.common.tfx.executors import TaskExecutor
from components.record_validator.component import CuratedSchema

SCHEMA_FILE = "schema.pbtxt"

_logger = logging.getLogger("tinytrill.record_validator")


@dataclass(frozen=True)
class Anomaly:
    """One difference between records and schema.

    Attributes:
      split: Where it was found.
      feature: Of which feature; empty if it is about the whole split.
      short: What it is.
      long: What it is, with the values.
    """

    split: str
    feature: str
    short: str
    long: str

    def __str__(self) -> str:
        return f"split {self.split!r}, {self.feature or 'all records'}: {self.short}: {self.long}"


class RecordAnomalyError(ValueError):
    """Records differ from their schema.

    Attributes:
      anomalies: All differences.
    """

    def __init__(self, anomalies: list[Anomaly], folder: Path) -> None:
        listing = "\n".join(f"  {anomaly}" for anomaly in anomalies)
        super().__init__(
            f"the records have {len(anomalies)} anomalies against the curated schema:\n"
            f"{listing}\nsaved in {folder}"
        )
        self.anomalies = anomalies


class SchemaExecutor(TaskExecutor[CuratedSchema]):
    """Executor of CuratedSchema."""

    def run(self, task: CuratedSchema) -> None:
        """Writes the schema of the parameter as an artifact."""
        from google.protobuf import text_format

        text_format.Parse(task.schema_text, schema_pb2.Schema())
        folder = Path(task.schema.uri)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCHEMA_FILE).write_text(task.schema_text, encoding="utf-8")


class Executor(example_validator.Executor):
    """Executor of RecordValidator: ExampleValidator's, and then a verdict."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> execution_result_pb2.ExecutorOutput:
        """Validates as ExampleValidator does.

        Raises:
          RecordAnomalyError: If there is any anomaly; the anomalies artifact is written before that.
        """
        result = super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        splits = artifact_utils.decode_split_names(artifact.split_names)
        found = [anomaly for split in splits for anomaly in _anomalies(artifact, split)]
        if found:
            raise RecordAnomalyError(found, keep_evidence(artifact.uri))
        _logger.info("no anomalies in %s", ", ".join(splits))
        return result


def _anomalies(artifact: types.Artifact, split: str) -> list[Anomaly]:
    path = os.path.join(artifact_utils.get_split_uri([artifact], split), example_validator.DEFAULT_FILE_NAME)
    anomalies = anomalies_pb2.Anomalies.FromString(Path(path).read_bytes())
    whole = [anomalies.dataset_anomaly_info] if anomalies.HasField("dataset_anomaly_info") else []
    named = [("", info) for info in whole] + sorted(anomalies.anomaly_info.items())
    found = [Anomaly(split, name, info.short_description, info.description) for name, info in named]
    if anomalies.data_missing:
        found.append(Anomaly(split, "", "No records", "the split holds no record at all"))
    return found
