"""Kubernetes' API server and etcd, built from their Go modules (``go/go.mod``) into the user's cache.

Compiling them takes long, so tests only run what is there::

    python -m tests.kubernetes.servers
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.built_programs import build_go, cached, go_module, make_cached

_MODULE = Path(__file__).parent / "go"
_PACKAGES = {"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"}


def servers() -> Path:
    """Folder of ``etcd`` and ``kube-apiserver``; skips the test that asks if they are not there."""
    folder = _place()
    if not folder.exists():
        pytest.skip("no API server is asked: build it once by python -m tests.kubernetes.servers")
    return make_cached(folder, _build)


def _place() -> Path:
    return cached("kubernetes/servers", go_module(_MODULE))


def _build(folder: Path) -> None:
    build_go(folder, _MODULE, _PACKAGES)


def main() -> None:
    """Builds them, unless they are there."""
    try:
        print(make_cached(_place(), _build))
    except pytest.skip.Exception as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
