"""Asks the Go program beside this file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.built_programs import ask_go, build_go, cached, go_module, make_cached

SOURCE = Path(__file__).parent / "engine"


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
    """Builds the program, or finds it built; skips the test that asks where that cannot be."""
    folder = cached("argo/engine", go_module(SOURCE))
    return Engine(make_cached(folder, lambda new: build_go(new, SOURCE, {"engine": "."})) / "engine")


def argo_manifests() -> Path:
    """The manifests that Argo's module of the same version holds; skips where they cannot be had."""

    def copy(folder: Path) -> None:
        module = ask_go(SOURCE, "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-workflows/v3")
        place = Path(module) / "manifests"
        for file in place.rglob("*.yaml"):
            copied = folder / file.relative_to(place)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(file.read_bytes())

    return make_cached(cached("argo/manifests", (SOURCE / "go.mod").read_bytes()), copy)
