"""How large a compiled pipeline is where a cluster has limits.

Argo keeps a workflow in one object of etcd, which takes 1.5 MiB; Argo itself refuses more than 1 MiB, the
packed state of the tasks included. Kubeflow's compiler to Argo (backend/src/v2/compiler/argocompiler) is no
Python: what it writes is counted here from the same parts in the same form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.configuration.config_file import ConfigError

WORKFLOW_BYTES = 1024 * 1024
COMMAND_BYTES = 128 * 1024
# Templates of drivers and executors, with their containers: the same for any pipeline.
_TEMPLATES_BYTES = 24_000
# State of a task that was executed, packed by gzip and written in base64: mostly its addresses and times.
_STATE_BYTES = 400
# An artifact in a task's command: address, name, metadata with the store's session.
_ARTIFACT_BYTES = 800
_HASH = "0" * 64


@dataclass(frozen=True)
class Size:
    """Sizes in bytes.

    Attributes:
      tasks: Number of containers that run.
      specification: Of the specification as JSON, with its platform part.
      workflow: Of Argo's workflow before it runs.
      state: Of the packed state of its tasks at its end, estimated.
      command: Of the longest argument of a pod's command, estimated.
      longest: The task whose argument that is.
    """

    tasks: int
    specification: int
    workflow: int
    state: int
    command: int
    longest: str

    def __str__(self) -> str:
        return (
            f"{self.tasks} containers, specification {_kib(self.specification)}, workflow "
            f"{_kib(self.workflow)} and {_kib(self.state)} of state (Argo takes {_kib(WORKFLOW_BYTES)}), "
            f"longest command {_kib(self.command)} (Linux takes {_kib(COMMAND_BYTES)})"
        )


def measure(specification: Mapping[str, Any], platform: Mapping[str, Any]) -> Size:
    """Measures a compiled pipeline: PipelineSpec and PlatformSpec."""
    components = specification["components"]
    root = specification["root"]
    graphs = {name: one["dag"]["tasks"] for name, one in components.items() if "dag" in one}
    tasks = [*root["dag"]["tasks"].items(), *(item for graph in graphs.values() for item in graph.items())]
    entries = [
        entry
        for name, task in tasks
        for entry in _argo_tasks(name, task, task["componentRef"]["name"] in graphs)
    ]
    arguments = [
        *(_json(component) for component in (root, *components.values())),
        *(_json(executor["container"]) for executor in specification["deploymentSpec"]["executors"].values()),
        *(_json(one) for one in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()),
    ]
    held = [{"name": f"implementations-{_HASH}", "value": text} for text in arguments]
    commands = {name: _command(task, components[task["componentRef"]["name"]]) for name, task in tasks}
    longest = max(commands, key=lambda name: commands[name])
    executed, drivers = _count(root["dag"]["tasks"], graphs)
    return Size(
        tasks=executed,
        specification=len(_json(specification)) + len(_json(platform)),
        workflow=len(_json(entries)) + len(_json(held)) + _TEMPLATES_BYTES,
        state=(executed + drivers) * _STATE_BYTES,
        command=commands[longest],
        longest=longest,
    )


def check_size(size: Size) -> None:
    """Refuses what a cluster would refuse.

    Raises:
      ConfigError: Saying which limit, and what to do.
    """
    if size.workflow + size.state > WORKFLOW_BYTES:
        raise ConfigError(
            f"the pipeline is too large for one workflow: {size}; divide its candidates among several "
            "configurations of the same name: what they share comes from Kubeflow's cache, and what they "
            "push competes in the registry (docs/kubeflow.md)"
        )
    if size.command > COMMAND_BYTES:
        raise ConfigError(f"{size.longest} is given too much: {size}; lower kubeflow.bundle_candidates")


def _count(tasks: Mapping[str, Any], graphs: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """Containers that run, and graphs that are entered."""
    executed = entered = 0
    for task in tasks.values():
        inner = graphs.get(task["componentRef"]["name"])
        if inner is None:
            executed += 1
        else:
            more, deeper = _count(inner, graphs)
            executed, entered = executed + more, entered + 1 + deeper
    return executed, entered


def _argo_tasks(name: str, task: Mapping[str, Any], graph: bool) -> Iterator[dict[str, Any]]:
    """The two entries that a task becomes in Argo's graph."""
    driver = f"{{{{tasks.{name}-driver.outputs.parameters."
    told = {
        "component": f"{{{{workflow.parameters.components-{_HASH}}}}}",
        "task": _json(task),
        "parent-dag-id": "{{inputs.parameters.parent-dag-id}}",
        "task-name": name,
    }
    if graph:
        told |= {"driver-type": "DAG"}
    else:
        told |= {
            "container": f"{{{{workflow.parameters.implementations-{_HASH}}}}}",
            "kubernetes-config": f"{{{{workflow.parameters.kubernetes-{task['componentRef']['name']}}}}}",
        }
    yield {
        "name": f"{name}-driver",
        "template": "system-dag-driver" if graph else "system-container-driver",
        "arguments": _parameters(told),
        "depends": " && ".join(f"{one}.Succeeded" for one in task.get("dependentTasks", ())),
    }
    if graph:
        given = {"parent-dag-id": f"{driver}execution-id}}}}", "condition": f"{driver}condition}}}}"}
    else:
        given = {
            "pod-spec-patch": f"{driver}pod-spec-patch}}}}",
            "cached-decision": f"{driver}cached-decision}}}}",
            **dict.fromkeys(
                (
                    "retry-max-count",
                    "retry-backoff-duration",
                    "retry-backoff-factor",
                    "retry-backoff-max-duration",
                ),
                "3600",
            ),
        }
    yield {
        "name": name,
        "template": task["componentRef"]["name"] if graph else "retry-system-container-executor",
        "arguments": _parameters(given),
        "depends": f"{name}-driver.Succeeded",
    }


def _parameters(values: Mapping[str, str]) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def _command(task: Mapping[str, Any], component: Mapping[str, Any]) -> int:
    """Of the argument that tells a container its task: parameters are JSON within JSON there."""
    inputs = task.get("inputs", {})
    made = component.get("outputDefinitions", {}).get("artifacts", {})
    artifacts = len(inputs.get("artifacts", {})) + len(made)
    return len(_json(inputs.get("parameters", {}))) + artifacts * _ARTIFACT_BYTES


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _kib(count: int) -> str:
    return f"{count / 1024:.0f} KiB"
