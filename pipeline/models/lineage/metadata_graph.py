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
from pipeline.local.metadata import open_metadata
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
    context = _run_context(store, run) if run else newest_run_context(store)
    if context is None:
        raise NoMetadata(f"{metadata_file} holds no pipeline run{f' {run!r}' if run else ''}")
    return _Reader(store, context).graph()


def annotate(layout: RunLayout, provenance: Provenance) -> None:
    """Writes what code a run is made with to the newest pipeline run of the folder's ML Metadata.

    Does nothing if there is none.
    """
    store = open_metadata(layout.metadata)
    run = newest_run_context(store) if store else None
    if store is None or run is None:
        return
    for name, value in provenance.facts().items():
        run.custom_properties[name].string_value = value
    store.put_contexts([run])


def newest_run_context(store: Any) -> Any:
    """The newest pipeline run; None if there is none."""
    return max(
        store.get_contexts_by_type("pipeline_run"),
        key=lambda run: run.create_time_since_epoch,
        default=None,
    )


def _run_context(store: Any, name: str) -> Any:
    return store.get_context_by_type_and_name("pipeline_run", name)


@dataclass(frozen=True)
class _Executed:
    """When and in which pipeline run an artifact was really made."""

    execution: Any
    run: str


class _Reader:
    """Reads what belongs to one pipeline run."""

    def __init__(self, store: Any, context: Any) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        self._store, self._context, self._mlmd = store, context, mlmd
        found = store.get_executions_by_context(context.id)
        self._executions = sorted(found, key=lambda one: int(one.id))
        self._events = store.get_events_by_execution_ids([one.id for one in self._executions])
        self._outputs: dict[int, list[int]] = defaultdict(list)
        for event in self._events:
            if event.type == mlmd.Event.OUTPUT:
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
        node_id = self._node_id(execution)
        place = place_of(node_id, parameters.get("subject", ""))
        state = self._mlmd.Execution.State.Name(execution.last_known_state)
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

    def _node_id(self, execution: Any) -> str:
        contexts = self._store.get_contexts_by_execution(execution.id)
        name = next((context.name for context in contexts if context.type == "node"), execution.type)
        pipeline = next((context.name for context in contexts if context.type == "pipeline"), "")
        return str(name.removeprefix(f"{pipeline}."))

    def _really(self, execution: Any) -> _Executed:
        """The execution of an earlier pipeline run that made what the cache answered with."""
        made = self._outputs.get(execution.id, [])[:1]
        makers = [
            event.execution_id
            for event in self._store.get_events_by_artifact_ids(made)
            if event.type == self._mlmd.Event.OUTPUT
        ]
        for maker in self._store.get_executions_by_id(makers):
            if maker.last_known_state == self._mlmd.Execution.COMPLETE:
                contexts = self._store.get_contexts_by_execution(maker.id)
                return _Executed(maker, next((c.name for c in contexts if c.type == "pipeline_run"), ""))
        return _Executed(execution, "")

    def _artifact(self, artifact: Any, maker: LineageNode | None) -> LineageNode:
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
            state=self._mlmd.Artifact.State.Name(artifact.state),
        )

    def _edge(self, event: Any) -> LineageEdge:
        step, artifact = f"execution:{event.execution_id}", f"artifact:{event.artifact_id}"
        key = next((one.key for one in event.path.steps if one.HasField("key")), "")
        made = event.type == self._mlmd.Event.OUTPUT
        return LineageEdge(source=step if made else artifact, target=artifact if made else step, key=key)


def _text(value: Any) -> str:
    said = str(getattr(value, value.WhichOneof("value") or "string_value"))
    said = _CREDENTIALS.sub("", said)
    if len(said) > _LONGEST_PARAMETER:
        return f"{said[:_LONGEST_PARAMETER]} ... ({len(said)} characters)"
    return said


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
