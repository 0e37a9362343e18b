"""What of infra/ several tests look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

INFRA = REPOSITORY / "infra"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def locked_versions(lock: Path) -> dict[str, str]:
    """Version by canonical name."""
    return {canonicalize_name(name): version for name, version in _PINNED.findall(lock.read_text("utf-8"))}


def tag_of(image: str) -> str:
    """The tag of an image's name; the name of a registry may hold a colon too."""
    return image.rpartition("/")[2].partition(":")[2]


def requirement_of(distribution: str, name: str) -> Requirement:
    """What an installed distribution says of another that it can be installed with."""
    found = [Requirement(line) for line in requires(distribution) or [] if line.startswith(name)]
    assert len(found) == 1, f"{distribution} says {len(found)} times what it wants of {name}"
    return found[0]


@pytest.fixture(scope="session")
def project_lock() -> Mapping[str, str]:
    return locked_versions(REPOSITORY / "requirements.lock")
