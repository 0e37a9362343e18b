"""Programs of other people that tests run: built or fetched once, into the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from components.common.store.publishing import forget_unused, make_once, mark_used

# Compiling Argo or Kubernetes takes minutes; looking for modules where there is no network takes some too.
_BUILD_SECONDS = 3600
_GO = {"GOFLAGS": "-buildvcs=false -p=2", "GOTOOLCHAIN": "local"}


def installed(name: str, called: str, otherwise: str) -> str:
    """Path of a program of this machine; skips the test that asks if there is none.

    Args:
      name: The program's name.
      called: Name for readers.
      otherwise: What is not tested without it.
    """
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{called} is not installed: {otherwise}")
    return found


def cached(name: str, made_of: bytes) -> Path:
    """Where something is kept that is made of this; it need not be there.

    Args:
      name: Folder in the cache and name in it, as ``beam/boot``.
      made_of: Everything that its content depends on.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinytrill"
    return cache / f"{name}-{hashlib.sha256(made_of).hexdigest()[:16]}"


def make_cached(folder: Path, make: Callable[[Path], None]) -> Path:
    """Makes a folder that :func:`cached` named, unless it is there; who comes meanwhile waits.

    Args:
      folder: Its place.
      make: Makes it at the path that it is given, at which nothing is.

    Returns:
      The folder.
    """
    make_once(folder, make)
    mark_used(folder)
    forget_unused(folder.parent, "*")
    return folder


def java_archives(name: str, pom: Path, otherwise: str) -> Path:
    """A folder of all archives that a ``pom.xml`` asks for, named by group, artifact and version.

    Skips the test that asks where there is no Java or Maven, or the archives cannot be had.

    Args:
      name: Folder in the cache and name in it.
      pom: The file.
      otherwise: What is not tested without them.
    """
    installed("java", "Java", otherwise)
    maven = installed("mvn", "Maven", otherwise)

    def fetch(folder: Path) -> None:
        done = subprocess.run(
            [
                "nice", maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies",
                "-DincludeScope=runtime", f"-DoutputDirectory={folder}", "-Dmdep.prependGroupId=true",
            ],
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines() or [str(done.returncode)]
            pytest.skip(f"the Java archives of {pom.parent.name} cannot be had: {said[0]}")

    return make_cached(cached(name, pom.read_bytes()), fetch)


def go_module(module: Path) -> bytes:
    """What programs of a module are made of: its own text and the versions that it requires."""
    files = sorted(one for one in module.iterdir() if one.suffix in (".go", ".mod", ".sum"))
    return b"".join(path.name.encode() + path.read_bytes() for path in files)


def build_go(folder: Path, module: Path, packages: Mapping[str, str]) -> None:
    """Builds programs; skips the test that asks where there is no Go, or modules cannot be had.

    Args:
      folder: Where they go; made.
      module: Folder of the ``go.mod`` that requires them.
      packages: Package of each program, by the program's name.
    """
    folder.mkdir(parents=True)
    for program, package in packages.items():
        ask_go(module, "list", "-deps", package)
        built = _run_go(module, "build", "-ldflags=-s -w", "-o", str(folder / program), package)
        assert built.returncode == 0, built.stderr


def ask_go(module: Path, *arguments: str) -> str:
    """What Go answers; skips the test that asks where there is no Go, or modules cannot be had."""
    done = _run_go(module, *arguments)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [str(done.returncode)]
        pytest.skip(f"modules of {module.parent.name}/{module.name} cannot be had: {said[-1]}")
    return done.stdout.strip()


def _run_go(module: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    go = installed("go", "Go", f"programs of {module.parent.name}/{module.name} are not run")
    return subprocess.run(
        ["nice", go, *arguments],
        cwd=module,
        env=os.environ | _GO,
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
