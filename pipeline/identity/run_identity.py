"""What makes a run the same run, and with which code it is made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import tomllib
import uuid
from dataclasses import replace
from pathlib import Path

from pipeline.configuration.config import RunConfig
from pipeline.configuration.sources import DataDigests
from pipeline.identity.code_digest import code_digest
from pipeline.local.layout import RunLayout
from schemas.run_context import Provenance

CODE_VERSION = "TINYTRILL_CODE_VERSION"
_ROOT = Path(__file__).resolve().parents[2]
_DECISIVE_PACKAGES = ("tensorflow", "tf-keras", "tfx", "ai-edge-litert", "scikit-learn", "mlflow", "numpy")


def run_key(config: RunConfig, layout: RunLayout, digests: DataDigests) -> str:
    """Names what is asked for: the same when a run is resumed, retried or answered from the cache.

    That is the folder, the configuration, the code of all components and the sound. What the registry holds
    and whether a device answers are no part of it: they decide the outcome, not the request.

    Args:
      config: As loaded: a folder that is moved, with the places in it, stays the same run.
      layout: The run's folder; gets an identity if it has none.
      digests: Of what lies outside the pipeline.
    """
    asked = replace(digests, registry="", devices={})
    components = sorted(path.name for path in (_ROOT / "components").iterdir() if path.is_dir())
    facts = [
        _folder_identity(layout),
        config.request(),
        repr(asked),
        *(code_digest(component) for component in components),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def provenance(resolved: RunConfig) -> Provenance:
    """The code and the resolved configuration of a run as they are now."""
    commit, uncommitted = _commit()
    lock = _ROOT / "requirements.lock"
    return Provenance(
        code_version=commit,
        uncommitted=uncommitted,
        lock_sha256=hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        config_sha256=hashlib.sha256(resolved.request().encode()).hexdigest(),
        packages={name: importlib.metadata.version(name) for name in _DECISIVE_PACKAGES},
    )


def _folder_identity(layout: RunLayout) -> str:
    """Two folders are two runs, whatever else they share."""
    if not layout.identity.is_file():
        layout.root.mkdir(parents=True, exist_ok=True)
        layout.identity.write_text(f"{uuid.uuid4().hex}\n")
    return layout.identity.read_text().strip()


def _commit() -> tuple[str, bool]:
    """The commit, and whether the tree differs from it; an image or an archive says its own version."""
    given = os.environ.get(CODE_VERSION)
    if given:
        return given, False
    try:
        commit = _git("rev-parse", "HEAD")
        return commit, bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return f"{project['name']} {project['version']}", False


def _git(*arguments: str) -> str:
    # Only this tree's own repository counts, not one that it happens to be unpacked in.
    if not (_ROOT / ".git").exists():
        raise FileNotFoundError(_ROOT / ".git")
    done = subprocess.run(
        ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
