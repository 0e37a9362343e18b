"""ML Metadata of one pipeline run as a graph: steps, what they made, what they made it from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.layout import RunLayout
from schemas.run_context import Provenance


def annotate(layout: RunLayout, provenance: Provenance) -> None:
    """Writes what code a run is made with to the newest pipeline run of the folder's ML Metadata.

    Does nothing if there is none.
    """
    store = open_store(layout.metadata)
    run = newest_run_context(store) if store else None
    if store is None or run is None:
        return
    for name, value in (
        ("code_version", provenance.code_version),
        ("uncommitted", str(provenance.uncommitted).lower()),
        ("lock_sha256", provenance.lock_sha256),
        ("config_sha256", provenance.config_sha256),
    ):
        run.custom_properties[name].string_value = value
    store.put_contexts([run])


def open_store(file: Path) -> Any:
    """ML Metadata's store in a SQLite file; None if there is no such file."""
    if not file.is_file():
        return None
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    return metadata_store.MetadataStore(connection)


def newest_run_context(store: Any) -> Any:
    """The newest pipeline run; None if there is none."""
    return max(
        store.get_contexts_by_type("pipeline_run"),
        key=lambda run: run.create_time_since_epoch,
        default=None,
    )
