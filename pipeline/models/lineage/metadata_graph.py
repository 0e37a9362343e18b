"""ML Metadata of one pipeline run as a graph: steps, what they made, what they made it from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.local.layout import RunLayout
from pipeline.local.metadata import (
    is_output,
    key_of,
    newest_first,
    node_id_of,
    open_metadata,
    pipeline_runs,
    state_of,
)
from pipeline.models.lineage.stages import place_of
from schemas.lineage import LineageEdge, LineageGraph, LineageNode
from schemas.run_context import Provenance
from schemas.secrets import redact

# What an address may hold before its host.
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"']+@")
_LONGEST_PARAMETER = 30_000


class NoMetadata(RuntimeError):
    """There is no ML Metadata, or no pipeline run in it; the message says what was looked for."""


def read_graph(metadata_file: Path, run: str = "") -> LineageGraph:
    """The graph of one pipeline run, all the way back to the sound.

    Args:
      metadata_file: ML Metadata's SQLite file.
      run: Name of the pipeline run in it; empty: the newest.

    Raises:
      NoMetadata: If there is no such file or run.
    """
    store = open_metadata(metadata_file)
    if store is None:
        raise NoMetadata(f"{metadata_file} is absent: no ML Metadata to read")
    context = next((one for one in pipeline_runs(store) if run in ("", one.name)), None)
    if context is None:
        raise NoMetadata(f"{metadata_file} holds no pipeline run{f' {run!r}' if run else ''}")
    return _Reader(store, context).graph()


def annotate(layout: RunLayout, provenance: Provenance) -> None:
    """Writes what code a run is made with to the newest pipeline run of the folder's ML Metadata.

    Does nothing if there is none.
    """
    store = open_metadata(layout.metadata)
    for run in pipeline_runs(store)[:1]:
        for name, value in provenance.facts().items():
            run.custom_properties[name].string_value = value
        store.put_contexts([run])


@dataclass(frozen=True)
class _Executed:
    """When and in which pipeline run an artifact was really made."""

    execution: Any
    run: str


class _Reader:
    """Reads what belongs to one pipeline run."""

    def __init__(self, store: Any, context: Any) -> None:
        self._store, self._context = store, context
        found = store.get_executions_by_context(context.id)
        self._executions = sorted(found, key=lambda one: int(one.id))
        self._events = store.get_events_by_execution_ids([one.id for one in self._executions])
        self._outputs: dict[int, list[int]] = defaultdict(list)
        for event in self._events:
            if is_output(event):
                self._outputs[event.execution_id].append(event.artifact_id)

    def graph(self) -> LineageGraph:
        steps = {one.id: self._step(one) for one in self._executions}
        used = {event.artifact_id for event in self._events}
        makers = {artifact: steps[step] for step, made in self._outputs.items() for artifact in made}
        artifacts = [
            self._artifact(artifact, makers.get(artifact.id))
            for artifact in self._store.get_artifacts_by_id(sorted(used))
        ]
        known = {artifact.metadata_id for artifact in artifacts}
        return LineageGraph(
            run_name=self._pipeline(),
            pipeline_run=self._context.name,
            provenance=self._provenance(),
            nodes=[*steps.values(), *artifacts],
            edges=[self._edge(event) for event in self._events if event.artifact_id in known],
        )

    def _pipeline(self) -> str:
        first: Iterable[Any] = (
            self._store.get_contexts_by_execution(self._executions[0].id) if self._executions else ()
        )
        return next((context.name for context in first if context.type == "pipeline"), "")

    def _provenance(self) -> Provenance | None:
        said = {name: value.string_value for name, value in self._context.custom_properties.items()}
        return Provenance.from_facts(said)

    def _step(self, execution: Any) -> LineageNode:
        parameters = {name: _text(value) for name, value in sorted(execution.custom_properties.items())}
        node_id = node_id_of(self._store, execution)
        place = place_of(node_id, parameters.get("evaluates", ""))
        state = state_of(execution)
        really = self._really(execution) if state == "CACHED" else _Executed(execution, "")
        return LineageNode(
            id=f"execution:{execution.id}",
            kind="execution",
            stage=place.stage,
            title=node_id,
            type=execution.type,
            node_id=node_id,
            candidate=place.candidate,
            device=place.device,
            metadata_id=execution.id,
            state=state,
            parameters=parameters,
            begun=_iso(really.execution.create_time_since_epoch),
            ended="" if state == "RUNNING" else _iso(really.execution.last_update_time_since_epoch),
            executed_in=really.run,
        )

    def _really(self, execution: Any) -> _Executed:
        """The execution of an earlier pipeline run that made what the cache answered with."""
        made = self._outputs.get(execution.id, [])[:1]
        makers = [e.execution_id for e in self._store.get_events_by_artifact_ids(made) if is_output(e)]
        for maker in self._store.get_executions_by_id(makers):
            if state_of(maker) == "COMPLETE":
                runs = newest_first(self._store.get_contexts_by_execution(maker.id))
                return _Executed(maker, runs[0].name if runs else "")
        return _Executed(execution, "")

    def _artifact(self, artifact: Any, maker: LineageNode | None) -> LineageNode:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        return LineageNode(
            id=f"artifact:{artifact.id}",
            kind="artifact",
            stage=maker.stage if maker else "checks",
            title=artifact.type.removeprefix("schemas."),
            type=artifact.type,
            node_id=maker.node_id if maker else "",
            candidate=maker.candidate if maker else "",
            device=maker.device if maker else "",
            metadata_id=artifact.id,
            uri=redact(artifact.uri),
            state=mlmd.Artifact.State.Name(artifact.state),
        )

    def _edge(self, event: Any) -> LineageEdge:
        step, artifact = f"execution:{event.execution_id}", f"artifact:{event.artifact_id}"
        source, target = (step, artifact) if is_output(event) else (artifact, step)
        return LineageEdge(source=source, target=target, key=key_of(event))


def _text(value: Any) -> str:
    said = str(getattr(value, value.WhichOneof("value") or "string_value"))
    said = _CREDENTIALS.sub("", said)
    if len(said) > _LONGEST_PARAMETER:
        return f"{said[:_LONGEST_PARAMETER]} ... ({len(said)} characters)"
    return said


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
