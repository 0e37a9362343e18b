"""Steps of candidates that were done: kept in the folder that pods share, by all that they depend on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.common.store.publishing import forget_unused, make_once, mark_used
from infra.kubeflow.container_task import GivenArtifact
from infra.kubeflow.execution import Execution


@dataclass(frozen=True)
class Step:
    """What is done with a candidate.

    Attributes:
      node: The component's name.
      execution: How it is executed.
      inputs: Artifacts by key.
      outputs: Artifacts by key.
      properties: Execution parameters.
    """

    node: str
    execution: Execution
    inputs: Mapping[str, GivenArtifact]
    outputs: Mapping[str, GivenArtifact]
    properties: Mapping[str, Any]

    def run(self) -> None:
        """Executes it; what an earlier attempt left of its outputs goes first.

        Raises:
          Exception: Whatever the executor raises.
        """
        for artifact in self.outputs.values():
            shutil.rmtree(artifact.uri, ignore_errors=True)
        self.execution.run(self.inputs, self.outputs, self.properties)


@dataclass
class FinishedSteps:
    """Finished steps, of this run and of others of the same name.

    Attributes:
      folder: Where they are kept; none: nowhere.
    """

    folder: Path | None
    _made: dict[str, str] = field(default_factory=dict)

    def take(self, step: Step) -> bool:
        """Copies the outputs of a step that was done before; false if it was not."""
        kept = self._place(step)
        if kept is None or not kept.is_dir():
            return False
        mark_used(kept)
        for key, artifact in step.outputs.items():
            shutil.rmtree(artifact.uri, ignore_errors=True)
            shutil.copytree(kept / key, artifact.uri)
        return True

    def keep(self, step: Step) -> None:
        """Keeps the outputs of a step that is done."""
        if kept := self._place(step):

            def copy(folder: Path) -> None:
                for key, artifact in step.outputs.items():
                    shutil.copytree(artifact.uri, folder / key)

            make_once(kept, copy)

    def tidy(self) -> None:
        """Removes what nobody needed for a month."""
        if self.folder:
            forget_unused(self.folder, "*")

    def _place(self, step: Step) -> Path | None:
        """Its name says what it depends on: code and settings, and what its inputs depend on themselves.

        An artifact that comes from another task is told by its address, which no other one ever has.
        """
        told = {
            "executor": step.execution.executor,
            "properties": dict(step.properties),
            "inputs": {key: self._made.get(one.uri, one.uri) for key, one in step.inputs.items()},
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        self._made |= {one.uri: f"{digest}/{key}" for key, one in step.outputs.items()}
        return self.folder / f"{step.node}-{digest[:32]}" if self.folder else None
