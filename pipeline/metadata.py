"""Reading ML Metadata: what the newest run of a folder gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.layout import RunLayout


@dataclass(frozen=True)
class NodeRun:
    """One node of one pipeline run.

    Attributes:
      node_id: As in the pipeline.
      state: COMPLETE, CACHED, FAILED, RUNNING (killed, if no run is going on) ...
      outputs: Folders of the output artifacts, by key.
    """

    node_id: str
    state: str
    outputs: dict[str, str] = field(default_factory=dict)


def newest_run(layout: RunLayout) -> dict[str, NodeRun]:
    """The nodes of the newest pipeline run in the folder, by id; empty if there was none."""
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    if not layout.metadata.is_file():
        return {}
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(layout.metadata)
    store = metadata_store.MetadataStore(connection)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return {}
    newest = max(runs, key=lambda run: run.create_time_since_epoch)
    executions = store.get_executions_by_context(newest.id)
    return {run.node_id: run for run in (_node_run(store, execution) for execution in executions)}


def _node_run(store: Any, execution: Any) -> NodeRun:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    contexts = store.get_contexts_by_execution(execution.id)
    node_id = next(context.name.partition(".")[2] for context in contexts if context.type == "node")
    outputs = {}
    for event in store.get_events_by_execution_ids([execution.id]):
        if event.type == mlmd.Event.OUTPUT:
            key = next(step.key for step in event.path.steps if step.HasField("key"))
            outputs[key] = store.get_artifacts_by_id([event.artifact_id])[0].uri
    state = mlmd.Execution.State.Name(execution.last_known_state)
    return NodeRun(node_id, state, outputs)
