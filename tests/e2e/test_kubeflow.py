"""The compiled pipeline, executed task by task from its specification, against the same run by TFX itself."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.kubeflow.candidates import STEPS
from schemas.push_reports import PushReport
from schemas.run_context import RunContext
from schemas.verdicts import Verdict
from tests.e2e.conftest import Demo
from tests.e2e.kubeflow_cluster import Cluster
from tests.e2e.runs import CANDIDATES, DEMO, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@dataclass(frozen=True)
class Executed:
    """An execution of the compiled pipeline.

    Attributes:
      cluster: What executed it.
      store: MLflow's.
      run_folder: What the pods shared.
      verdict: Of the gate.
      pushed: Of the pusher.
    """

    cluster: Cluster
    store: str
    run_folder: Path
    verdict: Verdict
    pushed: PushReport


@pytest.fixture(scope="module")
def executed(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    folder = tmp_path_factory.mktemp("cluster")
    # Two of the three share a container: one starts from the other.
    cluster_settings = (f"kubeflow.scratch={{claim: '', path: {folder / 'scratch'}}}",)
    pipeline = folder / "pipeline.yaml"
    done = run("compile", "--config", "demo", "-o", str(pipeline), overrides=(*DEMO, *cluster_settings))
    assert done.code == 0, done.err
    # What was timed once is served again, so that the machine's load decides nothing.
    shutil.copytree(demo.record, folder / "data" / "record")
    store = f"sqlite:///{folder}/mlflow.db"
    cluster = Cluster(folder, {"MLFLOW_TRACKING_URI": store})
    with cluster.running():
        cluster.run(
            pipeline,
            {
                "data_root": str(folder / "data"),
                "device_host": json.dumps({"backend": "replay", "report": "record"}),
            },
        )
        assert [(one.node, one.log) for one in cluster.containers if one.code] == []
        verdict = Verdict.load(cluster.artifact("frontier-gate", "verdict", folder / "verdict"))
        pushed = PushReport.load(cluster.artifact("frontier-pusher", "pushed", folder / "pushed"))
    return Executed(cluster, store, folder / "scratch" / "demo", verdict, pushed)


def test_every_task_runs_exactly_once(demo: Demo, executed: Executed) -> None:
    ran = Counter(container.node for container in executed.cluster.containers)
    steps = {f"{step}.{one}" for one in CANDIDATES for step in STEPS}
    nodes = [node_id.partition(".")[0] for node_id in demo.nodes if node_id not in steps]
    assert ran == Counter([*nodes, "OpenRun", "Candidates", "Candidates", "CloseRun"])
    # And within them every step of every candidate.
    kept = Counter(path.name.partition("-")[0] for path in (executed.run_folder / "steps").glob("[!.]*"))
    assert kept == Counter(dict.fromkeys(STEPS, len(CANDIDATES)))


def test_the_outcome_is_that_of_the_local_run(demo: Demo, executed: Executed) -> None:
    (there,), (here,) = executed.verdict.devices, demo.verdict.devices
    points = {point.point_id: point for point in here.points}
    assert {point_id.partition("/")[0] for point_id in points} == set(CANDIDATES)
    assert {point.point_id for point in there.points} == set(points)
    for point in there.points:
        twin = points[point.point_id]
        assert point.sha256 == twin.sha256
        assert point.quality == pytest.approx(twin.quality, abs=1e-9)
        assert point.latency_ms == pytest.approx(twin.latency_ms, rel=1e-9)
        assert (point.on_frontier, point.blessed) == (twin.on_frontier, twin.blessed)
    assert executed.verdict.benchmark_digest == demo.verdict.benchmark_digest


def test_what_is_blessed_is_pushed_and_registered_once(executed: Executed) -> None:
    from mlflow.tracking import MlflowClient

    blessed = sorted(point.point_id for _, point in executed.verdict.blessed)
    assert sorted(model.point_id for model in executed.pushed.models) == blessed
    client = MlflowClient(executed.store)
    versions = client.search_model_versions("name = 'tinytrill-host'")
    assert sorted(version.tags["tinytrill.point"] for version in versions) == blessed
    assert client.get_model_version_by_alias("tinytrill-host", "candidate")


def test_mlflow_holds_one_run_with_a_nested_one_a_candidate(executed: Executed) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(executed.store)
    experiment = client.get_experiment_by_name("tinytrill")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`tinytrill.role` = 'pipeline'")
    nested = client.search_runs([experiment.experiment_id], "tags.`tinytrill.role` = 'candidate'")
    assert parent.info.status == "FINISHED"
    assert sorted(one.data.tags["tinytrill.candidate"] for one in nested) == sorted(CANDIDATES)
    for one in nested:
        assert one.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert len(client.get_metric_history(one.info.run_id, "training/loss")) == 4
    (context,) = executed.run_folder.glob("runs/*/context.json")
    assert RunContext.read(context.parent, context.name).parent_run_id == parent.info.run_id


def test_artifacts_go_through_the_object_store_alone(executed: Executed) -> None:
    # Pods are gone, and what the SDK thinks that artifacts are was never written.
    assert list((executed.cluster.folder / "pods").iterdir()) == []
    left = [path.name for path in executed.cluster.root.rglob("*") if path.is_file()]
    assert set(left) <= {"executor_output.json"} | {
        name for name in left if name.startswith("digest_") or name in ("failures", "closed")
    }
