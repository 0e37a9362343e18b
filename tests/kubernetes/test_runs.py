"""Runs as a real API server takes them: Argo's workflow, and the pods that its controller makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.configuration.config_file import load_config
from pipeline.kubeflow.compile import compile_specification
from tests.argo.engine import argo_manifests, build
from tests.argo.test_execution import SMALL
from tests.argo.workflow import workflow
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.test_manifests import LEVELS

# Compiling pipelines imports what the tests of Argo have imported in their process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("argo")]

# What a pod is made with; the rest the server that stored it has added.
MADE = ("name", "labels", "annotations", "ownerReferences", "finalizers")


@pytest.fixture(scope="module")
def with_argo(cluster: Cluster) -> Cluster:
    """A cluster that knows Argo's resources."""
    # With their whole schemas: a field that is unknown is refused.
    resources = argo_manifests() / "base" / "crds" / "full"
    for kind in ("workflows", "workflowtaskresults"):
        done = cluster.kubectl("apply", "--server-side", "-f", resources / f"argoproj.io_{kind}.yaml")
        assert done.code == 0, done.err
        cluster.wait_until("get", kind)
    return cluster


def _workflow(name: str, *settings: str) -> dict[str, Any]:
    made = compile_specification(load_config(name, settings))
    return workflow(made.specification, made.platform)


@pytest.mark.parametrize("name", ["demo", "frill144"])
def test_the_workflow_of_a_run_is_stored(name: str, with_argo: Cluster) -> None:
    namespace = with_argo.namespace(f"run-{name}", **LEVELS)
    made = _workflow(name)
    made["metadata"]["namespace"] = namespace
    stored = with_argo.kubectl("create", "-f", "-", "-o", "json", told=made)
    assert stored.code == 0, stored.err
    assert stored.json()["spec"] == made["spec"]
    made["spec"]["colour"], made["metadata"]["name"] = "red", "other"
    assert 'unknown field "spec.colour"' in with_argo.kubectl("create", "-f", "-", told=made).err


def test_the_pods_of_a_run_are_taken(with_argo: Cluster) -> None:
    namespace = with_argo.namespace("run-pods", **LEVELS)
    run = build().run(_workflow("demo", *SMALL))
    pods = [one["made"] for one in (*run.attempts(), *run.attempts(driver=True))]
    for pod in pods:
        metadata = {key: value for key, value in pod["metadata"].items() if key in MADE}
        pod["metadata"] = {**metadata, "namespace": namespace}
        pod.pop("status", None)
    accounts = {pod["spec"]["serviceAccountName"] for pod in pods}
    with_argo.create(
        *(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": one, "namespace": namespace},
            }
            for one in accounts
        )
    )
    told = {"apiVersion": "v1", "kind": "List", "items": pods}
    asked = with_argo.kubectl("create", "--dry-run=server", "-f", "-", "-o", "name", told=told)
    assert asked.code == 0, asked.err
    assert len(asked.out.splitlines()) == len(pods) > 20


def test_a_report_of_argos_executor_is_taken_from_a_run_and_from_nobody_else(
    with_argo: Cluster, profile: str
) -> None:
    report = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTaskResult",
        "metadata": {"name": "run-1234", "namespace": profile},
        "outputs": {"parameters": [{"name": "execution-id", "value": "7"}]},
    }
    ask = ("create", "--validate=false", "-f", "-")
    made = with_argo.kubectl(*ask, told=report, token=with_argo.token(profile, "tinytrill-runner"))
    assert made.code == 0, made.err
    refused = with_argo.kubectl(*ask, told=report, token=with_argo.token(profile, "default"))
    assert "cannot create resource" in refused.err
