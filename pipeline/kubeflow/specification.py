"""Collects tasks, components and executors into one Kubeflow specification."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.kubeflow.containers import Part
from pipeline.kubeflow.package import SCHEMA_VERSION
from pipeline.kubeflow.settings import TaskSettings

# Of an attempt without a time limit, and of a pod that waits until there is a node for it.
_ANY_TIME_S, _PENDING_S = 365 * 86400, 30 * 86400
# The longest time limit that Kubernetes takes for a pod.
_LONGEST_S = 2**31 - 1


@dataclass(frozen=True)
class Wiring:
    """What a task is given.

    Attributes:
      artifacts: Where each input artifact comes from: InputArtifactSpec.
      parameters: Where each parameter comes from: InputParameterSpec.
      after: Names of tasks that must have succeeded, besides those it takes something from.
    """

    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    after: frozenset[str] = frozenset()


def from_task(task: str, key: str) -> dict[str, Any]:
    """An artifact that another task makes."""
    return {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}}


def parameter_from_task(task: str, key: str, entry: str = "") -> dict[str, Any]:
    """A parameter that another task finds out.

    Args:
      task: Which.
      key: Its name there.
      entry: If given, the parameter is a JSON object, of which this entry is taken; it may be missing.
    """
    found: dict[str, Any] = {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}
    if entry:
        given, name = "parseJson(string_value)", json.dumps(entry)
        found["parameterExpressionSelector"] = f'{name} in {given} ? {given}[{name}] : ""'
    return found


def parameter_from_run(name: str) -> dict[str, Any]:
    """A parameter that the run is given."""
    return {"componentInputParameter": name}


def constant(value: str | int) -> dict[str, Any]:
    """A parameter that is known now."""
    return {"runtimeValue": {"constant": value}}


def task_specification(
    name: str, component: str, wiring: Wiring, settings: TaskSettings | None = None, cache: bool = False
) -> dict[str, Any]:
    """A task.

    Args:
      name: Of the task: the backend looks producers up by it.
      component: Name of its component.
      wiring: What it is given.
      settings: Retries; none: it is not tried again.
      cache: Whether it may be answered from the cache.
    """
    producers = {
        given[kind]["producerTask"]
        for given in (*wiring.artifacts.values(), *wiring.parameters.values())
        for kind in ("taskOutputArtifact", "taskOutputParameter")
        if kind in given
    }
    task: dict[str, Any] = {
        "taskInfo": {"name": name},
        "componentRef": {"name": component},
        "cachingOptions": {"enableCache": True} if cache else {},
    }
    inputs: dict[str, Any] = {}
    if wiring.artifacts:
        inputs["artifacts"] = dict(sorted(wiring.artifacts.items()))
    if wiring.parameters:
        inputs["parameters"] = dict(sorted(wiring.parameters.items()))
    if inputs:
        task["inputs"] = inputs
    if after := sorted(producers | wiring.after):
        task["dependentTasks"] = after
    if settings and settings.retries:
        task["retryPolicy"] = _retry_policy(settings, settings.retries)
    return task


def _retry_policy(settings: TaskSettings, retries: int) -> dict[str, Any]:
    """RetryPolicy of a task.

    Argo counts its longest duration from the first attempt's start, the attempts and their waiting for a node
    included; when it is over there are no more retries, and a pod that still runs is ended. So it is as long
    as all attempts may take. It cannot be left out: Kubeflow then compiles it as zero.
    """
    wait, factor = settings.retry_seconds or 0, settings.retry_factor or 1
    attempt = (settings.timeout_seconds or _ANY_TIME_S) + _PENDING_S
    longest = (retries + 1) * attempt + sum(wait * factor**number for number in range(retries))
    return {
        "maxRetryCount": retries,
        "backoffDuration": _seconds(wait),
        "backoffFactor": float(factor),
        "backoffMaxDuration": _seconds(min(longest, _LONGEST_S)),
    }


class Specification:
    """Components and executors by name; equal ones are kept once.

    Argo keeps components by what their containers are, so equal containers must belong to equal components:
    that is checked.
    """

    def __init__(self) -> None:
        """Starts with nothing."""
        self._components: dict[str, dict[str, Any]] = {}
        self._executors: dict[str, dict[str, Any]] = {}
        self._parts: dict[str, Part] = {}

    @property
    def settings(self) -> dict[str, TaskSettings]:
        """What each executor's pods get, by label."""
        return {f"exec-{name}": part.settings for name, part in self._parts.items()}

    def add_part(self, name: str, part: Part) -> str:
        """Adds a component with its container; returns the component's name, which an equal one shares.

        Raises:
          ValueError: If another component has the same container.
        """
        for known, other in self._parts.items():
            if other == part:
                return f"comp-{known}"
            if other.executor == part.executor and other.component != part.component:
                raise ValueError(f"{name} and {known} have the same container, but not the same interface")
        free = _free(name, self._parts)
        self._parts[free] = part
        self._components[f"comp-{free}"] = {"executorLabel": f"exec-{free}", **part.component}
        self._executors[f"exec-{free}"] = dict(part.executor)
        return f"comp-{free}"

    def document(
        self, name: str, description: str, parameters: Mapping[str, Any], tasks: Mapping[str, Any], sdk: str
    ) -> dict[str, Any]:
        """The whole: PipelineSpec.

        Args:
          name: Of the pipeline.
          description: For its page.
          parameters: Definitions of what is given when it is started.
          tasks: Of the root graph.
          sdk: Who compiled it.
        """
        info = {"name": name, "description": description} if description else {"name": name}
        return {
            "components": dict(sorted(self._components.items())),
            "deploymentSpec": {"executors": dict(sorted(self._executors.items()))},
            "pipelineInfo": info,
            "root": {
                "dag": {"tasks": dict(sorted(tasks.items()))},
                "inputDefinitions": {"parameters": dict(sorted(parameters.items()))},
            },
            "schemaVersion": SCHEMA_VERSION,
            "sdkVersion": sdk,
        }


def _free(name: str, taken: Iterable[str]) -> str:
    known = set(taken)
    return next(
        one
        for one in (name, *(f"{name}-{number}" for number in range(2, len(known) + 3)))
        if one not in known
    )


def _seconds(seconds: int) -> str:
    """A duration as protobuf's JSON writes it."""
    return f"{seconds}s"
