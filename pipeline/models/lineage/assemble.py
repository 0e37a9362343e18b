"""One graph of a run, from ML Metadata, from MLflow or from both."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.common.tracking.names import PARENT_RUN_TAG
from pipeline.local.layout import RunLayout
from pipeline.models.lineage.metadata_graph import read_graph
from pipeline.models.lineage.outside import with_sources
from pipeline.models.lineage.parts import read_push, read_verdict, with_points
from pipeline.models.lineage.registry_graph import candidate_runs, with_registry, with_runs
from pipeline.models.lineage.reports import with_reports
from pipeline.models.registry.versions import tagged_versions
from schemas.lineage import LineageGraph
from schemas.secrets import redact
from schemas.settings import UnreadableReport
from schemas.verdicts import Verdict

LINEAGE_FOLDER = "lineage"
_MOST_UNBLESSED = 3


def graph_of_folder(layout: RunLayout, run: str = "", points: Collection[str] = ()) -> LineageGraph:
    """The graph of a run's folder, as ML Metadata and the reports in the folder tell it.

    Args:
      layout: The folder.
      run: Name of the pipeline run in ML Metadata; empty: the newest.
      points: Point ids that are asked for, beside those that are blessed.

    Raises:
      NoMetadata: If the folder's ML Metadata is absent or has no such run.
    """
    graph = with_sources(read_graph(layout.metadata, run))
    verdict = read_verdict(graph)
    graph = with_reports(with_points(graph, verdict), {*points, *_interesting(verdict)})
    push = read_push(graph)
    if push is None:
        return graph
    return graph.model_copy(
        update={"parent_run_id": push.parent_run_id, "tracking_uri": redact(push.tracking_uri)}
    )


def stored_graph(client: Any, parent_run_id: str) -> LineageGraph | str:
    """The graph that was stored with a run; a text says why there is none.

    Args:
      client: MLflow's.
      parent_run_id: The pipeline's MLflow run.
    """
    from mlflow.exceptions import MlflowException

    path = f"{LINEAGE_FOLDER}/{LineageGraph.FILE}"
    with tempfile.TemporaryDirectory() as aside:
        try:
            if path not in {entry.path for entry in client.list_artifacts(parent_run_id, LINEAGE_FOLDER)}:
                return f"the run has no {path}: it was never finished, or by an earlier release"
            return LineageGraph.load(Path(client.download_artifacts(parent_run_id, path, aside)).parent)
        except (UnreadableReport, OSError, MlflowException) as error:
            return f"{path} cannot be read: {str(error).splitlines()[0]}"


def with_mlflow(graph: LineageGraph, client: Any, uri: str, parent_run_id: str) -> LineageGraph:
    """The graph with what MLflow knows now: runs, versions, aliases, promotions, uses."""
    parent = client.get_run(parent_run_id)
    runs = candidate_runs(client, parent.info.experiment_id, parent_run_id)
    versions = tagged_versions(client, PARENT_RUN_TAG, parent_run_id)
    graph = with_registry(with_runs(graph, parent, runs), client, versions)
    return graph.model_copy(update={"tracking_uri": redact(uri)})


def without_mlflow(graph: LineageGraph, why: str) -> LineageGraph:
    """The graph, saying that MLflow was not asked."""
    line = f"aliases, promotions and uses are unknown: {why}"
    return graph.model_copy(update={"missing": [*graph.missing, line]})


def _interesting(verdict: Verdict | None) -> list[str]:
    """Points whose reports are read unasked: the blessed ones, or else the best of the frontier."""
    if verdict is None:
        return []
    blessed = [point.point_id for _, point in verdict.blessed]
    frontier = [point for device in verdict.devices for point in device.points if point.on_frontier]
    best = sorted(frontier, key=lambda point: -point.quality)[:_MOST_UNBLESSED]
    return blessed or [point.point_id for point in best]
