"""The Kubernetes manifests of infra/, as they are written and as kustomize makes them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.infra.conftest import INFRA

KUBERNETES = INFRA / "kubernetes"
# What kubectl apply -k is told in docs/kubeflow.md.
KUSTOMIZATIONS = ("base", "overlays/single-node", "overlays/managed", "schedule", "flink", "toolbox")
# The oldest that Kubeflow Pipelines 2.16 is tested with, and the newest that there are schemas of.
VERSIONS = ("1.29", kubernetes_validate.latest_version())
# Files of kustomize's own, and settings of a run.
_OTHERS = {"kustomization.yaml", "places.yaml", "config.yaml"}
_SECONDS = 60

Manifest = dict[str, Any]


def written() -> list[tuple[str, Manifest]]:
    """Every manifest that is written down, with the file it is in."""
    files = [file for file in sorted(KUBERNETES.rglob("*.yaml")) if file.name not in _OTHERS]
    return [
        (str(file.relative_to(KUBERNETES)), manifest)
        for file in files
        for manifest in yaml.safe_load_all(file.read_text("utf-8"))
    ]


def copy_with_secrets(folder: Path) -> Path:
    """Copies infra/kubernetes to a folder that is not there yet, and makes its secrets; gives the folder."""
    shutil.copytree(KUBERNETES, folder, ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([folder / "secrets.sh"], capture_output=True, check=True)
    return folder


def kustomized(folder: Path, kustomization: str) -> list[Manifest]:
    """What ``kubectl apply -k`` would send.

    Args:
      folder: A copy of infra/kubernetes that has its secrets.
      kustomization: One of :data:`KUSTOMIZATIONS`.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here, so nothing can be said of what kustomize makes of the manifests")
    done = subprocess.run(
        [kubectl, "kustomize", folder / kustomization],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def check(manifest: Manifest, versions: Sequence[str] = VERSIONS) -> None:
    """Compares with Kubernetes' own schemas, unknown fields refused.

    Raises:
      kubernetes_validate.ValidationError: If it does not fit.
    """
    for version in versions:
        _check(json.dumps(manifest), version)


@cache
def _check(text: str, version: str) -> None:
    """Overlays leave most of the base as it is, and each comparison reads Kubernetes' whole schema."""
    kubernetes_validate.validate(json.loads(text), version, strict=True)


def pod_of(manifest: Manifest) -> Manifest | None:
    """The pod's specification in what starts pods; nothing in anything else."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Pod":
        return spec
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]["spec"] if "template" in spec else None


def pod_labels(manifest: Manifest) -> dict[str, str]:
    """Labels of the pods it starts."""
    labels: dict[str, str] = manifest["spec"]["template"]["metadata"]["labels"]
    return labels


def containers(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Every container with the manifest that starts it."""
    for manifest in manifests:
        pod = pod_of(manifest)
        for container in [*pod["containers"], *pod.get("initContainers", [])] if pod else []:
            yield manifest, container
