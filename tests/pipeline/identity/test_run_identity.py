"""When two runs are the same run, and what is said of their code."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from pipeline.configuration.config_file import load_config
from pipeline.configuration.sources import DataDigests
from pipeline.identity import run_identity
from pipeline.identity.run_identity import provenance, run_key
from pipeline.local.layout import RunLayout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one commit, in the place of the project's own."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "requirements.lock").write_text("numpy==1\n")
    (root / "pyproject.toml").write_text('[project]\nname = "tree"\nversion = "9.1"\n')
    monkeypatch.setattr(run_identity, "_ROOT", root)
    monkeypatch.delenv("TINYTRILL_CODE_VERSION", raising=False)
    return root


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_same_request_is_the_same_run(tmp_path: Path) -> None:
    layout, config = RunLayout(tmp_path / "run"), load_config("demo")
    first = run_key(config, layout, DataDigests(registry="before", devices={"phone": "gone"}))
    assert run_key(config, layout, DataDigests(registry="after", devices={"phone": "there"})) == first
    assert len(first) == 32


def test_another_request_is_another_run(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    keys = {
        run_key(load_config("demo"), layout, DataDigests()),
        run_key(load_config("demo", ["seed=4"]), layout, DataDigests()),
        run_key(load_config("demo"), layout, DataDigests(corpus="other")),
        run_key(load_config("demo"), RunLayout(tmp_path / "elsewhere"), DataDigests()),
    }
    assert len(keys) == 4


def test_a_folder_that_was_moved_stays_the_same_run(tmp_path: Path) -> None:
    config = load_config("demo")
    first = run_key(config, RunLayout(tmp_path / "run"), DataDigests())
    (tmp_path / "run").rename(tmp_path / "moved")
    assert run_key(config, RunLayout(tmp_path / "moved"), DataDigests()) == first


def test_other_code_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, config = RunLayout(tmp_path / "run"), load_config("demo")
    first = run_key(config, layout, DataDigests())
    monkeypatch.setattr(run_identity, "code_digest", lambda component: f"changed {component}")
    assert run_key(config, layout, DataDigests()) != first


def test_the_commit_is_told_and_whether_the_tree_differs(repository: Path) -> None:
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    commit = git(repository, "rev-parse", "HEAD")
    told = provenance(load_config("demo"))
    assert (told.code_version, told.uncommitted) == (commit, False)
    assert told.lock_sha256 == hashlib.sha256(b"numpy==1\n").hexdigest()
    assert told.packages["tfx"]
    (repository / "requirements.lock").write_text("numpy==2\n")
    assert provenance(load_config("demo")).uncommitted


def test_an_unpacked_archive_says_its_release(repository: Path) -> None:
    # It lies in somebody else's repository, whose commit says nothing of it.
    git(repository.parent, "init", "-q")
    assert provenance(load_config("demo")).code_version == "tree 9.1"


def test_an_image_says_its_own_version(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYTRILL_CODE_VERSION", "0123abc")
    assert provenance(load_config("demo")).code_version == "0123abc"
