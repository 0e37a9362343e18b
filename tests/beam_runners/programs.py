"""Java archives and Beam's boot program, which tests run: fetched once into the user's cache."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.built_programs import cached, installed, java_archives, make_cached

_MAVEN = Path(__file__).parent / "maven"
_BOOT = "github.com/apache/beam/sdks/v2/python/container"
_SECONDS = 1200
_OTHERWISE = "Beam's other runners are not run"


def archives(name: str) -> Path:
    """A folder of all archives that ``maven/<name>/pom.xml`` asks for, named by group, artifact and version.

    Skips the test that asks where there is no Java or Maven, or the archives cannot be had.
    """
    return java_archives(f"beam/java-{name}", _MAVEN / name / "pom.xml", _OTHERWISE)


def boot_program() -> Path:
    """The program that starts a worker in Beam's images, of the Beam that is installed here.

    Skips the test that asks where there is no Go, or the program's modules cannot be had.
    """
    beam = version("apache-beam")

    def build(folder: Path) -> None:
        folder.mkdir(parents=True)
        _fetch(
            [installed("go", "Go", _OTHERWISE), "install", "-ldflags=-s -w", f"{_BOOT}@v{beam}"],
            "the program that starts Beam's workers cannot be had",
            {"GOBIN": str(folder), "GOFLAGS": "-p=2", "GOTOOLCHAIN": "local"},
        )

    return make_cached(cached("beam/beam-boot", beam.encode()), build) / "container"


def _fetch(command: Sequence[str], problem: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        ["nice", *command],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        pytest.skip(f"{problem}: {said[0] if said else done.returncode}")
