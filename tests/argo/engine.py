"""Builds the Go program beside this file once, and asks it.

It is built outside the repository, in the user's cache, by what it is made of: its text, the versions
that it requires and Go's own version.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "engine"
# Compiling Argo takes minutes; looking for its modules where there is no network takes some too.
_BUILD_SECONDS = 1800
# Programs of earlier states of the source go when nobody has asked them for so long.
_KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Ending:
    """How an attempt of a task ends.

    Attributes:
      how: ``exit``, ``deleted`` (the pod is gone, as a node's that was taken away) or ``evicted``.
      code: Exit code of its container.
    """

    how: str = "exit"
    code: int = 0


@dataclass(frozen=True)
class Engine:
    """The built program.

    Attributes:
      program: Its path.
    """

    program: Path

    def check(self, workflow: Mapping[str, Any]) -> dict[str, Any]:
        """Argo's validation of a workflow, and its sizes: see ``sizes.go``."""
        return self._ask("check", workflow, seconds=300)

    def run(
        self,
        workflow: Mapping[str, Any],
        endings: Mapping[str, Sequence[Ending]] | None = None,
        cached: Collection[str] = (),
        config_maps: bool = False,
        quiet_seconds: float = 0.3,
        limit_seconds: float = 300,
    ) -> Run:
        """Executes a workflow with Argo's controller.

        Args:
          workflow: As :func:`tests.argo.workflow.workflow` makes it.
          endings: Of a task's attempts in order, by its path; further ones succeed.
          cached: Names of tasks that Kubeflow's cache answers.
          config_maps: Whether the controller may make ConfigMaps, as it may not in a default installation.
          quiet_seconds: How long the controller must make no pod before those that run end.
          limit_seconds: How long the whole may take.
        """
        told = {
            "workflow": workflow,
            "endings": {
                task: [{"how": one.how, "code": one.code} for one in ones]
                for task, ones in (endings or {}).items()
            },
            "cached": list(cached),
            "config_maps": config_maps,
            "quiet_seconds": quiet_seconds,
            "limit_seconds": limit_seconds,
        }
        return Run(self._ask("run", told, seconds=limit_seconds + 60))

    def _ask(self, command: str, told: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        asked = subprocess.run(
            [self.program, command],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert asked.returncode == 0, asked.stderr[-4000:]
        answer: dict[str, Any] = json.loads(asked.stdout)
        return answer


@dataclass(frozen=True)
class Run:
    """What came of a workflow: see ``run.go``."""

    told: Mapping[str, Any]

    @property
    def phase(self) -> str:
        """Succeeded, Failed or Error."""
        return str(self.told["phase"])

    @property
    def largest(self) -> dict[str, int]:
        """Its size when it had most nodes: ``nodes``, and bytes ``plain`` and ``packed``."""
        found: dict[str, int] = max(self.told["growth"], key=lambda one: one["nodes"])
        return found

    def attempts(self, task: str | None = None, driver: bool = False) -> list[dict[str, Any]]:
        """Pods that ran, in order: of one task, or of all."""
        return [
            one
            for one in self.told["attempts"]
            if one["driver"] == driver and (task is None or one["task"] == task)
        ]

    def order(self) -> list[str]:
        """Tasks in the order of their first attempt."""
        return list(dict.fromkeys(one["task"] for one in self.attempts()))

    def nodes(self, task: str) -> list[dict[str, str]]:
        """Argo's nodes of a task: its name, type, phase and message."""
        return [one for one in self.told["nodes"] if one["task"] == task]


def build() -> Engine:
    """Builds the program, or finds it built.

    Skips the test that asks where there is no Go, or Argo's modules cannot be had.
    """
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed: Argo's own code is not asked")
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false -p=2", "GOTOOLCHAIN": "local"}
    digest = hashlib.sha256(_run([go, "version"], environment).stdout.encode())
    for path in sorted(one for one in SOURCE.iterdir() if one.suffix in (".go", ".mod", ".sum")):
        digest.update(path.name.encode() + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinytrill" / "argo"
    folder = cache / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "engine"
    # Whoever comes second waits and finds it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            found = _run([go, "list", "-deps", "."], environment)
            if found.returncode != 0:
                pytest.skip(f"Argo's modules cannot be had: {found.stderr.strip().splitlines()[-1]}")
            command = ["nice", go, "build", "-ldflags=-s -w", "-o", str(folder / "new"), "."]
            built = _run(command, environment)
            assert built.returncode == 0, built.stderr
            (folder / "new").rename(program)
    for other in cache.iterdir():
        used = other / "lock"
        if used.exists() and time.time() - used.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    return Engine(program)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=SOURCE,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
