"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, launch

REPOSITORY = Path(__file__).resolve().parent.parent


def _shared(part: str) -> Path:
    root = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared"))
    folder = root / part
    if not folder.is_dir():
        pytest.skip(f"real sound and teachers are not here: {folder} is absent (set TINYTRILL_SHARED)")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings; see CONTRIBUTING.md."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """Real teacher models; see CONTRIBUTING.md."""
    return _shared("models")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless browser, the same for all tests of a process; see tests/browser.py."""
    with launch() as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a component's tests in one process, so that what they share is made once; whole runs first.

    Whole runs take longest: started last, one process would wait for another's at the end.
    """
    items.sort(key=lambda item: "e2e" not in item.path.parts)
    for item in items:
        parts = item.path.relative_to(REPOSITORY / "tests").parts
        group = parts[:2] if parts[0] == "components" else parts
        item.add_marker(pytest.mark.xdist_group("/".join(group)))
