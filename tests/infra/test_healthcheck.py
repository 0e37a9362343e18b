from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.docker import healthcheck
from infra.docker.healthcheck import faults

SOUND = "numpy==%s \\\n    --hash=sha256:aa\n    # via tfx\n"


@pytest.fixture
def lock(tmp_path: Path, project_lock: dict[str, str]) -> Path:
    path = tmp_path / "runtime.lock"
    path.write_text(SOUND % project_lock["numpy"], encoding="utf-8")
    return path


def test_an_installation_that_works_has_no_faults(lock: Path, tmp_path: Path) -> None:
    assert list(faults(lock, (tmp_path,))) == []


def test_another_version_and_a_missing_distribution_are_named(lock: Path) -> None:
    lock.write_text((SOUND % "1.0") + "never-published==2.0 \\\n    --hash=sha256:bb\n", encoding="utf-8")
    found = list(faults(lock, ()))
    assert found[0].startswith("numpy: 1.0 is locked, found ")
    assert found[1:] == ["never-published: 2.0 is locked, found missing"]


def test_a_module_that_does_not_load_is_named(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "MODULES", ("numpy", "no_such_module"))
    assert list(faults(lock, ())) == ["no_such_module: ModuleNotFoundError: No module named 'no_such_module'"]


def test_a_folder_that_tasks_cannot_write_to_is_named(lock: Path, tmp_path: Path) -> None:
    assert "cannot write there" in next(faults(lock, (tmp_path / "missing",)))


def test_the_command_fails_where_nothing_was_installed_by_the_lock(tmp_path: Path) -> None:
    """This environment is not the image's: it has no runtime.lock."""
    done = subprocess.run(
        [sys.executable, healthcheck.__file__], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "runtime.lock" in done.stderr


def test_what_is_loaded_is_part_of_the_lock(project_lock: dict[str, str]) -> None:
    distributions = {"google": "protobuf", "ai_edge_litert": "ai-edge-litert"}
    for module in healthcheck.MODULES:
        top = module.partition(".")[0]
        assert top == "pipeline" or distributions.get(top, top) in project_lock
