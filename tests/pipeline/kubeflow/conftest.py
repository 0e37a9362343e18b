"""A server, and something to submit to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.kubeflow.kfp_server import KfpServer
from tests.pipeline.kubeflow.made_up_clock import MadeUpClock


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have a cluster of their own: it is not spoken to."""
    for name in [name for name in os.environ if name.startswith("KF_PIPELINES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))


@pytest.fixture
def server() -> Iterator[KfpServer]:
    """A server that asks for no token."""
    with KfpServer() as running:
        yield running


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled pipeline; see small_pipeline.py."""
    from tests.pipeline.kubeflow.small_pipeline import compile_small

    return compile_small(tmp_path_factory.mktemp("small"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MadeUpClock:
    """Nobody who follows a run really waits."""
    from pipeline.kubeflow import follow

    clock = MadeUpClock()
    monkeypatch.setattr(follow, "time", clock)
    return clock
