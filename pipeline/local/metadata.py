"""Reading ML Metadata: its store, its pipeline runs, and what the newest run of a folder gave."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.configuration.config_file import ConfigError
from pipeline.local.layout import RunLayout
from schemas.bounded import bounded_text

FINISHED = ("COMPLETE", "CACHED")

_DECIDING = "FrontierGate"
_BUSY_SECONDS = 20


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


def check_metadata(file: Path) -> None:
    """Looks whether a SQLite file can be ML Metadata's; one that is not there can.

    Raises:
      ConfigError: If it is damaged, something else or cannot be read.
    """
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as database:
            faults = [fault for (fault,) in database.execute("PRAGMA quick_check(1)") if fault != "ok"]
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        faults, tables = [str(error)], set()
    if not faults and tables and "MLMDEnv" not in tables:
        faults = ["it is a database of something else"]
    if faults:
        raise ConfigError(
            f"{file}: this is not valid ML Metadata: {bounded_text(faults[0])}; put back a copy of it, or "
            "move it away: the run then starts over, and takes from the folder's scratch what is finished"
        )


def open_metadata(file: Path) -> Any:
    """ML Metadata's store in a SQLite file; None if there is no such file.

    Raises:
      ConfigError: As of :func:`check_metadata`.
    """
    if not file.is_file():
        return None
    check_metadata(file)
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    return metadata_store.MetadataStore(connection)


def pipeline_runs(store: Any) -> list[Any]:
    """All pipeline runs of a store, as ML Metadata's contexts, the newest first; none without a store."""
    return newest_first(store.get_contexts_by_type("pipeline_run")) if store else []


def newest_first(contexts: Iterable[Any]) -> list[Any]:
    """The pipeline runs among contexts, the newest first."""
    runs = (context for context in contexts if context.type == "pipeline_run")
    return sorted(runs, key=lambda run: (run.create_time_since_epoch, run.id), reverse=True)


def newest_run(layout: RunLayout, deciding: str = _DECIDING) -> dict[str, NodeRun]:
    """The nodes of the newest pipeline run in the folder that came to a verdict, by id.

    Those of the newest of all if none came to a verdict; empty if there was none.

    Args:
      layout: The folder.
      deciding: The node that comes to the verdict.

    Raises:
      ConfigError: As of :func:`check_metadata`.
    """
    store = open_metadata(layout.metadata)
    newest: dict[str, NodeRun] = {}
    for run in pipeline_runs(store):
        executions = store.get_executions_by_context(run.id)
        nodes = {one.node_id: one for one in (_node_run(store, execution) for execution in executions)}
        if deciding in nodes and nodes[deciding].state in FINISHED:
            return nodes
        newest = newest or nodes
    return newest


def node_id_of(store: Any, execution: Any) -> str:
    """Id of the node whose execution it is, as in the pipeline."""
    names = {context.type: context.name for context in store.get_contexts_by_execution(execution.id)}
    return str(names.get("node", execution.type)).removeprefix(f"{names.get('pipeline', '')}.")


def state_of(execution: Any) -> str:
    """COMPLETE, CACHED, FAILED, RUNNING (killed, if no run is going on) ..."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    return str(mlmd.Execution.State.Name(execution.last_known_state))


def is_output(event: Any) -> bool:
    """Whether an event says that an execution made an artifact; else it read it."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    return bool(event.type == mlmd.Event.OUTPUT)


def key_of(event: Any) -> str:
    """Name of the input or output that an event is of; empty if it has none."""
    return next((step.key for step in event.path.steps if step.HasField("key")), "")


def _node_run(store: Any, execution: Any) -> NodeRun:
    made = [event for event in store.get_events_by_execution_ids([execution.id]) if is_output(event)]
    outputs = {key_of(event): store.get_artifacts_by_id([event.artifact_id])[0].uri for event in made}
    return NodeRun(node_id_of(store, execution), state_of(execution), outputs)
