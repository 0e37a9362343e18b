"""A container's surroundings: the launcher's folder, and a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder below which the launcher's folders are."""
    monkeypatch.setenv("TINYTRILL_LAUNCHER_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """A container's command sets up the log of its process, which here is everybody's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
