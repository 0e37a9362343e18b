"""One API server for all tests of this folder, and the manifests with their secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.manifests import copy_with_secrets
from tests.kubernetes.cluster import Cluster, running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of infra/kubernetes that has its secrets."""
    return copy_with_secrets(tmp_path_factory.mktemp("manifests") / "kubernetes")


@pytest.fixture(scope="session")
def profile(cluster: Cluster, manifests: Path) -> str:
    """A namespace in which what runs need was applied, as in a profile of a Kubeflow of several users."""
    namespace = cluster.namespace("profile")
    for kustomization in ("base", "schedule"):
        folder = in_namespace(manifests, kustomization, namespace)
        done = cluster.kubectl("apply", "--server-side", "-k", folder)
        assert done.code == 0, done.err
    return namespace


def in_namespace(manifests: Path, kustomization: str, namespace: str) -> Path:
    """A kustomization that puts another one into a namespace."""
    folder = manifests / "namespaces" / namespace
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(
        f"namespace: {namespace}\nresources: [../../{kustomization}]\n", encoding="utf-8"
    )
    return folder
