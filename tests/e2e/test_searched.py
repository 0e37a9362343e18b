"""A searched run: what it leaves out, what a later one does again, and the same on Kubeflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from schemas.latency_reports import LatencyReport
from schemas.search_reports import LEFT_OUT, SearchReport
from schemas.student_reports import StudentInfo
from schemas.verdicts import Verdict
from tests.e2e.kubeflow_cluster import Cluster
from tests.e2e.runs import SMALL, Finished, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("searched")]

GRID = (
    *(setting for setting in SMALL if not setting.startswith("search=")),
    "students={sizes: [tiny], widths: [0.25, 0.5], svd_ranks: [0, 8, 16], embedding_width: 32}",
    "conversion.variants=[core-float32]",
    "training.epochs=5",
    "training.warm_epochs=3",
    "search.short_epochs=1",
    # Nothing misses it; that networks are timed before the choice is seen.
    "latency.devices={host: {backend: host, budgets: [{percentile: p50, milliseconds: 1000}]}}",
    "gate.host_may_bless=true",
)
# Both networks' short trainings and their plain students take 0.46, all that is fitted to them 0.06 more, and
# a tenth is kept for the audit.
BUDGET = "search.budget=0.518"


@dataclass(frozen=True)
class Searched:
    """A searched run of this machine."""

    folder: Path
    done: Finished
    decision: SearchReport
    students: dict[str, StudentInfo]


def read(folder: Path, done: Finished) -> Searched:
    nodes = newest_run(RunLayout(folder))
    return Searched(
        folder,
        done,
        SearchReport.load(nodes["FrontierSearch"].outputs["decision"]),
        {
            name.partition(".")[2]: StudentInfo.load(node.outputs["model"])
            for name, node in nodes.items()
            if name.startswith("StudentTrainer.")
        },
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("searched") / "out"
    done = run("demo", "--output", str(folder), overrides=(*GRID, BUDGET), cwd=folder.parent)
    assert done.code == 0, done.err
    return read(folder, done)


def test_what_is_left_out_has_a_place_and_costs_nothing(searched: Searched) -> None:
    decision = searched.decision
    networks = {one.candidate_id for one in decision.candidates if "svd" not in one.candidate_id}
    chosen = {one.candidate_id for one in decision.trained}
    assert len(chosen) == 3 and len(decision.candidates) == 6 and decision.audit in chosen
    assert decision.spent <= decision.budget == 0.518
    # What is fitted to a trained network takes no step.
    assert {name for name, info in searched.students.items() if info.steps} == networks
    assert all(one.fits for one in decision.candidates)
    nodes = newest_run(RunLayout(searched.folder))
    timed = LatencyReport.load(nodes["LatencyScreen.host"].outputs["report"])
    # After five steps the embeddings of a file may hardly differ: it is refused, and rules nothing out.
    assert {one.candidate_id for one in timed.measurements} <= networks and timed.sessions
    assert {name for name, info in searched.students.items() if not info.left_out} == chosen
    left, *_ = decision.untrained
    info = searched.students[left.candidate_id]
    assert info.failure == f"{LEFT_OUT}: {left.why}" and info.steps == 0
    verdict = Verdict.load(nodes["FrontierGate"].outputs["verdict"])
    assert verdict.search is not None and verdict.search.candidates == decision.candidates
    assert [one.point_id for device in verdict.devices for one in device.refused] == []
    assert {point.candidate_id for device in verdict.devices for point in device.points} == chosen
    page = (searched.folder / "report" / Verdict.PAGE).read_text(encoding="utf-8")
    assert verdict.search.summary in page and left.candidate_id in page


def test_a_larger_budget_trains_the_rest_and_nothing_twice(searched: Searched) -> None:
    before = {name: info for name, info in searched.students.items() if not info.left_out}
    larger = (*GRID, "search.budget=1.0")
    done = run("demo", "--output", str(searched.folder), overrides=larger, cwd=searched.folder.parent)
    assert done.code == 0, done.err
    again = read(searched.folder, done)
    assert not any(info.left_out for info in again.students.values())
    for name, info in before.items():
        assert again.students[name] == info  # the seconds of its epochs too
        assert f"{name}: was trained before" in done.err


def test_kubeflow_decides_and_trains_the_same(searched: Searched, tmp_path: Path) -> None:
    scratch = f"kubeflow.scratch={{claim: '', path: {tmp_path / 'scratch'}}}"
    pipeline = tmp_path / "pipeline.yaml"
    done = run("compile", "--config", "demo", "-o", str(pipeline), overrides=(*GRID, BUDGET, scratch))
    assert done.code == 0, done.err
    cluster = Cluster(tmp_path, {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"})
    with cluster.running():
        cluster.run(pipeline, {"data_root": str(tmp_path / "data")})
        assert [(one.node, one.log) for one in cluster.containers if one.code] == []
        decision = SearchReport.load(cluster.artifact("frontier-search", "decision", tmp_path / "decision"))
        verdict = Verdict.load(cluster.artifact("frontier-gate", "verdict", tmp_path / "verdict"))
    assert decision == searched.decision
    here = {point.point_id: point.sha256 for device in _verdict(searched).devices for point in device.points}
    there = {point.point_id: point.sha256 for device in verdict.devices for point in device.points}
    assert there == here


def _verdict(searched: Searched) -> Verdict:
    folders = sorted((searched.folder / "artifacts" / "FrontierGate" / "verdict").iterdir(), key=_number)
    return Verdict.load(folders[0])


def _number(folder: Path) -> int:
    return int(folder.name)
