"""The graph of a finished run, kept beside its report and with its MLflow run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.reporting.siblings import link_pages
from pipeline.local.layout import RunLayout
from pipeline.models.lineage.assemble import LINEAGE_FOLDER, graph_of_folder, with_mlflow, without_mlflow
from pipeline.models.lineage.metadata_graph import NoMetadata
from pipeline.models.lineage.page import focuses_of, render_page
from pipeline.models.lineage.registry_graph import candidate_runs
from schemas.comparison_reports import NossComparison
from schemas.corpus_statistics import CorpusStatistics
from schemas.lineage import LineageGraph
from schemas.verdicts import Verdict

if TYPE_CHECKING:
    from components.common.tracking.tracker import Tracker

LINEAGE_PAGE = LineageGraph.PAGE
MLMD_TAG = "tinytrill.mlmd"


def export_lineage(layout: RunLayout, tracker: Tracker | None = None, parent_run_id: str = "") -> list[Path]:
    """Writes ``lineage.json`` and ``lineage.html`` into the report; MLflow gets them too.

    The same call again replaces them: after a sync, or when aliases have changed.

    Args:
      layout: The run's folder.
      tracker: The run's MLflow store; None: it does not answer, and the graph says so.
      parent_run_id: The pipeline's MLflow run; empty: it is not there yet.

    Returns:
      The two files; none if the folder's ML Metadata has no run.

    Raises:
      TrackingFault: If the store does not take them; the files are in the report by then.
    """
    try:
        return _export(layout, tracker, parent_run_id)
    finally:
        link_report(layout.report)


def link_report(report: Path) -> None:
    """Lets the pages of a report lead to each other."""
    link_pages(
        report,
        {
            Verdict.PAGE: "Frontier",
            f"{Verdict.BENCHMARK}/{NossComparison.TABLE}.html": "Tasks",
            CorpusStatistics.PAGE: "Corpus",
            LINEAGE_PAGE: "Lineage",
        },
    )


def _export(layout: RunLayout, tracker: Tracker | None, parent_run_id: str) -> list[Path]:
    try:
        graph = graph_of_folder(layout)
    except NoMetadata:
        return []
    if tracker is None or not parent_run_id:
        return _write(layout, without_mlflow(graph, "the run was not sent to MLflow yet"))
    # First without it: whatever MLflow says, the files are there.
    _write(layout, without_mlflow(graph, "MLflow did not answer when the run ended"))
    from components.common.tracking.faults import telling

    with telling(tracker.uri):
        graph = with_mlflow(graph, tracker.client, tracker.uri, parent_run_id)
        files = _write(layout, graph)
        runs = candidate_runs(tracker.client, tracker.experiment_of(parent_run_id), parent_run_id)
        for file in files:
            tracker.log_file(parent_run_id, file, LINEAGE_FOLDER)
        for candidate, run_id in runs.items():
            tracker.set_tags(run_id, {MLMD_TAG: metadata_ids(graph, candidate)})
    return files


def metadata_ids(graph: LineageGraph, candidate: str) -> str:
    """The ids in ML Metadata of a candidate's own steps and artifacts, by node, as JSON."""
    own = [node for node in graph.nodes if node.candidate == candidate and node.metadata_id is not None]
    return json.dumps(
        {
            "pipeline_run": graph.pipeline_run,
            "executions": {node.node_id: node.metadata_id for node in own if node.kind == "execution"},
            "artifacts": {node.node_id: node.metadata_id for node in own if node.kind == "artifact"},
        }
    )


def _write(layout: RunLayout, graph: LineageGraph) -> list[Path]:
    layout.report.mkdir(parents=True, exist_ok=True)
    graph.save(layout.report)
    page = layout.report / LINEAGE_PAGE
    page.write_text(render_page(graph, focuses_of(graph)), encoding="utf-8")
    return [layout.report / LineageGraph.FILE, page]
