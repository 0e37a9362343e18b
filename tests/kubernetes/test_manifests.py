"""The manifests as a real API server takes them: its validation, its defaults, Pod Security."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.infra.manifests import KUSTOMIZATIONS, Manifest, kustomized, pod_of
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conftest import in_namespace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kubernetes")]

# Of Kubeflow Pipelines' own namespace: its manifests/kustomize/cluster-scoped-resources/namespace.yaml.
LEVELS = {"enforce": "baseline", "warn": "restricted"}
_IMAGES = """
images:
  - {name: tinytrill, newTag: 0.2.0}
  - {name: tinytrill-mlflow, newTag: 0.2.0}
  - {name: tinytrill-worker, newTag: 0.2.0}
"""


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_all_is_taken_under_the_strictest_pod_security(
    kustomization: str, cluster: Cluster, manifests: Path
) -> None:
    name = re.sub(r"[^a-z]+", "-", f"all-{kustomization}")
    namespace = cluster.namespace(name, enforce="restricted", warn="restricted")
    folder = in_namespace(manifests, kustomization, namespace)
    made = kustomized(manifests, str(folder.relative_to(manifests)))

    applied = cluster.kubectl("apply", "--server-side", "-k", folder)

    # Workloads are only warned of; old versions of interfaces, too.
    assert (applied.code, applied.err) == (0, "")
    assert len(applied.out.splitlines()) == len(made)
    # No controller makes their pods here, so each is asked for.
    pods = [_pod(one, f"pod-{number}") for number, one in enumerate(made) if pod_of(one) is not None]
    for pod in pods:
        asked = cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", told=pod)
        assert (asked.code, asked.err) == (0, ""), pod
    assert pods


def _pod(manifest: Manifest, name: str) -> Manifest:
    """The pod that a workload's controller would make."""
    spec = manifest["spec"].get("jobTemplate", manifest)["spec"]
    pod: dict[str, Any] = dict(pod_of(manifest) or {})
    claims = [one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])]
    pod["volumes"] = [
        *pod.get("volumes", []),
        *({"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims),
    ]
    labels = spec.get("template", manifest)["metadata"].get("labels", {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": pod}


def test_a_pod_that_may_be_root_is_refused_there(cluster: Cluster) -> None:
    namespace = cluster.namespace("strict", enforce="restricted")
    container = {"name": "any", "image": "busybox"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [container]},
    }
    asked = cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", told=pod)
    assert asked.code == 1
    assert "runAsNonRoot != true" in asked.err


def test_what_was_applied_as_the_manual_says_changes_with_another_image_only(
    cluster: Cluster, manifests: Path, tmp_path: Path
) -> None:
    """The server's defaults, and how it writes quantities, are no difference."""
    manifests = shutil.copytree(manifests, tmp_path / "kubernetes")
    cluster.namespace("kubeflow", **LEVELS)
    folders = [manifests / one for one in ("overlays/single-node", "schedule", "toolbox", "flink")]
    for folder in folders:
        first = cluster.kubectl("apply", "-k", folder)
        assert (first.code, first.err) == (0, "")
        assert all(line.endswith(" created") for line in first.out.splitlines())
    before = _versions(cluster, folders)
    for folder in folders:
        again = cluster.kubectl("apply", "-k", folder)
        assert (again.code, again.err) == (0, "")
    assert _versions(cluster, folders) == before
    # Another image. The job goes by itself before, for no Job takes one; no controller does it here.
    (job,) = [one for one in kustomized(manifests, "base") if one["kind"] == "Job"]
    assert job["spec"]["ttlSecondsAfterFinished"]
    named = ("-n", "kubeflow", f"job/{job['metadata']['name']}")
    assert cluster.kubectl("delete", "--wait=false", *named).code == 0
    for folder in folders:
        file = folder / "kustomization.yaml"
        file.write_text(file.read_text("utf-8") + _IMAGES, encoding="utf-8")
        other = cluster.kubectl("apply", "-k", folder)
        assert (other.code, other.err) == (0, "")
    changed = {name for name, version in _versions(cluster, folders).items() if version != before.get(name)}
    assert changed == {
        "CronJob/tinytrill-weekly",
        "Deployment/tinytrill-flink-tasks",
        "Deployment/tinytrill-mlflow",
        "Job/tinytrill-volumes",
        "Pod/tinytrill-toolbox",
    }
    # The manual's last step.
    for folder in reversed(folders):
        assert cluster.kubectl("delete", "--wait=false", "-k", folder).code == 0


def _versions(cluster: Cluster, folders: Sequence[Path]) -> dict[str, str]:
    """Versions of all that was applied: each change makes another one."""
    columns = "custom-columns=:.kind,:.metadata.name,:.metadata.resourceVersion"
    found = [cluster.kubectl("get", "-k", folder, "--no-headers", "-o", columns) for folder in folders]
    rows = [line.split() for one in found for line in one.out.splitlines()]
    return {f"{kind}/{name}": version for kind, name, version in rows}
