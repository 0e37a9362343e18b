"""ML Metadata as TFX writes it, for tests that need no pipeline run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd


@dataclass(frozen=True)
class Made:
    """An artifact that was written down.

    Attributes:
      id: In ML Metadata.
      key: Of the output it is.
      uri: Its folder.
    """

    id: int
    key: str
    uri: str


class MetadataWriter:
    """Writes pipeline runs into a SQLite file."""

    def __init__(self, file: Path, pipeline: str = "demo") -> None:
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(file)
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(connection)
        self.pipeline = pipeline
        self._pipeline = self._context("pipeline", pipeline)
        self._run = 0

    def begin(self, name: str) -> None:
        """A new pipeline run: what is written from now on belongs to it."""
        self._run = self._context("pipeline_run", name)

    def step(
        self,
        node_id: str,
        inputs: Mapping[str, Sequence[Made]],
        outputs: Mapping[str, tuple[str, str | Path]],
        parameters: Mapping[str, str] | None = None,
        state: str = "COMPLETE",
        made: Sequence[Made] = (),
    ) -> dict[str, Made]:
        """One execution.

        Args:
          node_id: As in StudentTrainer.small.
          inputs: Artifacts by key.
          outputs: Type and folder of each new artifact, by key.
          parameters: Of the execution.
          state: As in CACHED.
          made: What the cache answered with, in place of new outputs.

        Returns:
          What it made, by key.
        """
        execution = mlmd.Execution(
            type_id=self.store.put_execution_type(mlmd.ExecutionType(name=f"x.{node_id.partition('.')[0]}")),
            last_known_state=mlmd.Execution.State.Value(state),
        )
        for name, value in (parameters or {}).items():
            execution.custom_properties[name].string_value = value
        new = {key: self._artifact(kind, str(uri)) for key, (kind, uri) in outputs.items()}
        pairs: list[Any] = [
            (self.store.get_artifacts_by_id([one.id])[0], _event(mlmd.Event.INPUT, key))
            for key, artifacts in inputs.items()
            for one in artifacts
        ]
        pairs += [(artifact, _event(mlmd.Event.OUTPUT, key)) for key, artifact in new.items()]
        pairs += [
            (self.store.get_artifacts_by_id([one.id])[0], _event(mlmd.Event.OUTPUT, one.key)) for one in made
        ]
        contexts = self.store.get_contexts_by_id(
            [self._pipeline, self._run, self._context("node", f"{self.pipeline}.{node_id}")]
        )
        _, ids, _ = self.store.put_execution(execution, pairs, contexts)
        kept = {one.key: one for one in made}
        first = sum(len(artifacts) for artifacts in inputs.values())
        return kept | {
            key: Made(ids[first + index], key, artifact.uri)
            for index, (key, artifact) in enumerate(new.items())
        }

    def _artifact(self, kind: str, uri: str) -> Any:
        type_id = self.store.put_artifact_type(mlmd.ArtifactType(name=kind))
        return mlmd.Artifact(type_id=type_id, uri=uri, state=mlmd.Artifact.LIVE)

    def _context(self, kind: str, name: str) -> int:
        found = self.store.get_context_by_type_and_name(kind, name)
        if found:
            return int(found.id)
        type_id = self.store.put_context_type(mlmd.ContextType(name=kind))
        (made,) = self.store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        return int(made)


def _event(kind: Any, key: str) -> Any:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
