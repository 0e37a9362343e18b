"""The graph of a run is kept in its report and with its MLflow run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.common.tracking.faults import TrackingFault
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from pipeline.local.layout import RunLayout
from pipeline.models.lineage import export
from pipeline.models.lineage.export import MLMD_TAG, export_lineage
from schemas.lineage import LineageGraph
from tests.pipeline.models.lineage.conftest import MODEL, Pushed
from tests.pushed_runs import SMALL


def test_files_are_in_the_report_and_with_the_run(pushed: Pushed) -> None:
    for _ in range(2):
        files = export_lineage(pushed.layout, Tracker(Store(pushed.uri)), pushed.parent_run_id)
    assert files == [pushed.layout.report / "lineage.json", pushed.layout.report / "lineage.html"]
    stored = {entry.path for entry in pushed.client.list_artifacts(pushed.parent_run_id, "lineage")}
    assert stored == {"lineage/lineage.json", "lineage/lineage.html"}
    graph = LineageGraph.load(pushed.layout.report)
    assert graph.missing == [] and graph.parent_run_id == pushed.parent_run_id
    assert {node.title for node in graph.of_kind("version")} == {f"{MODEL} v{number}" for number in (1, 2, 3)}


def test_candidates_are_told_their_ids_in_ml_metadata(pushed: Pushed) -> None:
    export_lineage(pushed.layout, Tracker(Store(pushed.uri)), pushed.parent_run_id)
    experiment = pushed.client.get_run(pushed.parent_run_id).info.experiment_id
    (run,) = pushed.client.search_runs([experiment], f"tags.`tinytrill.candidate` = '{SMALL.candidate_id}'")
    told = json.loads(run.data.tags[MLMD_TAG])
    graph = LineageGraph.load(pushed.layout.report)
    name = f"StudentTrainer.{SMALL.candidate_id}"
    assert graph.node(f"execution:{told['executions'][name]}").node_id == name
    assert graph.node(f"artifact:{told['artifacts'][name]}").type == "schemas.StudentModel"
    assert all(SMALL.candidate_id in node for node in told["executions"])


def test_without_mlflow_the_files_say_so(metadata_alone: Path) -> None:
    files = export_lineage(RunLayout(metadata_alone))
    assert len(files) == 2
    (line,) = LineageGraph.load(metadata_alone / "report").missing
    assert "was not sent to MLflow yet" in line
    assert "was not sent to MLflow yet" in files[1].read_text()


def test_a_store_that_fails_half_way_leaves_the_files(
    pushed: Pushed, metadata_alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def refuse(*_: object) -> None:
        raise MlflowException("the disk is full")

    monkeypatch.setattr(export, "with_mlflow", refuse)
    with pytest.raises(TrackingFault, match="the disk is full"):
        export_lineage(RunLayout(metadata_alone), Tracker(Store(pushed.uri)), pushed.parent_run_id)
    (line,) = LineageGraph.load(metadata_alone / "report").missing
    assert "MLflow did not answer" in line


def test_a_folder_without_a_run_has_no_lineage(tmp_path: Path) -> None:
    assert export_lineage(RunLayout(tmp_path)) == []
    assert not (tmp_path / "report").exists()


def test_a_run_that_died_before_its_verdict_has_a_page_too(pushed: Pushed, tmp_path: Path) -> None:
    from tests.pipeline.models.lineage.metadata_writer import MetadataWriter

    writer = MetadataWriter(tmp_path / "metadata.db")
    writer.begin("2026-11-21T10:00:00")
    writer.step("AudioIngest", {}, {}, state="FAILED")
    _, page = export_lineage(RunLayout(tmp_path))
    assert "no file was judged" in page.read_text() and "FAILED" in page.read_text()
    shutil.rmtree(tmp_path / "report")
