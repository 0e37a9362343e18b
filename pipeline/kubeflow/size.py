"""How large a compiled pipeline is where a cluster has limits.

Linux takes 128 KiB an argument, and Kubeflow's driver of the whole run is given the graph of all tasks as
one. Argo hands each pod its template as a variable, where the same limit holds; beyond it Argo would need a
ConfigMap that Kubeflow's accounts may not make (argo-workflows#14073). It keeps a workflow, and the packed
state of its tasks, in one object of at most 1 MiB. Estimates were held against Argo's own code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.configuration.config_file import ConfigError

ARGUMENT_BYTES = 128 * 1024
WORKFLOW_BYTES = 1024 * 1024
# An artifact as a task is told of it: address, name, and the object store's session.
_ARTIFACT = {
    "name": "0" * 6,
    "uri": f"minio://mlpipeline/v2/artifacts/{'n' * 64}/{'0' * 36}/{'n' * 48}/{'0' * 36}/variants",
    "metadata": {
        "display_name": "variants",
        "store_session_info": json.dumps(
            {
                "Provider": "minio",
                "Params": {
                    "accessKeyKey": "accesskey",
                    "disableSSL": "true",
                    "endpoint": "seaweedfs.kubeflow:9000",
                    "forcePathStyle": "true",
                    "fromEnv": "false",
                    "maxRetries": "5",
                    "region": "minio",
                    "secretKeyKey": "secretkey",
                    "secretName": "mlpipeline-minio-artifact",
                },
            }
        ),
    },
}
# The launcher's own options, mounts and environment.
_LAUNCHER_BYTES = 4096
# Packed state of a task, its driver and its attempts included, as a share of what its pod is told.
_STATE_SHARE = 0.65


@dataclass(frozen=True)
class Size:
    """Sizes in bytes.

    Attributes:
      tasks: Number of containers that run.
      specification: Of the specification as JSON, with its platform part.
      graph: Of the graph of tasks, as Argo's template of the run's driver holds it.
      pod: Of the largest template of a pod, estimated.
      largest: The task whose pod that is.
      workflow: Of Argo's workflow at the end of the run, estimated.
    """

    tasks: int
    specification: int
    graph: int
    pod: int
    largest: str
    workflow: int

    def __str__(self) -> str:
        return (
            f"{self.tasks} containers, specification {_kib(self.specification)}, graph {_kib(self.graph)}, "
            f"largest pod, {self.largest}, {_kib(self.pod)} (Linux takes {_kib(ARGUMENT_BYTES)}); workflow "
            f"{_kib(self.workflow)} (Argo takes {_kib(WORKFLOW_BYTES)})"
        )


def measure(specification: Mapping[str, Any], platform: Mapping[str, Any]) -> Size:
    """Measures a compiled pipeline: PipelineSpec and PlatformSpec."""
    components, root = specification["components"], specification["root"]
    executors = specification["deploymentSpec"]["executors"]
    tasks: Mapping[str, Any] = root["dag"]["tasks"]
    pods = {name: _pod(task, components, executors) for name, task in tasks.items()}
    largest = max(pods, key=lambda name: pods[name])
    # Each task stands there twice: in the graph, and in the entry of its driver.
    held = (
        2 * _argument(root)
        + sum(map(_argument, components.values()))
        + sum(map(_argument, executors.values()))
    )
    platforms = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    held += sum(map(_argument, platforms.values()))
    return Size(
        tasks=len(tasks),
        specification=len(_json(specification)) + len(_json(platform)),
        graph=_argument(root),
        pod=pods[largest],
        largest=largest,
        workflow=held + int(_STATE_SHARE * sum(pods.values())),
    )


def check_size(size: Size) -> None:
    """Refuses what a cluster would refuse.

    Raises:
      ConfigError: Saying which limit, and what to do.
    """
    over = [
        what
        for what, found, most in (
            ("the graph of tasks", size.graph, ARGUMENT_BYTES),
            (f"what {size.largest} is given", size.pod, ARGUMENT_BYTES),
            ("the workflow", size.workflow, WORKFLOW_BYTES),
        )
        if found > most
    ]
    if over:
        raise ConfigError(
            f"{' and '.join(over)} would be larger than a cluster takes: {size}; divide the candidates among "
            "several configurations of the same name: what they share comes from Kubeflow's cache, and what "
            "they push competes in the registry (docs/kubeflow.md)"
        )


def _pod(task: Mapping[str, Any], components: Mapping[str, Any], executors: Mapping[str, Any]) -> int:
    """What Argo's template of a task's pod holds: its inputs and outputs, its component, its command."""
    component = components[task["componentRef"]["name"]]
    inputs = task.get("inputs", {})
    artifacts = len(inputs.get("artifacts", {})) + len(
        component.get("outputDefinitions", {}).get("artifacts", {})
    )
    given = {
        name: str(one.get("runtimeValue", {}).get("constant", ""))
        for name, one in inputs.get("parameters", {}).items()
    }
    told = {"parameters": given, "artifacts": [_ARTIFACT] * artifacts}
    # JSON within the pod's JSON, within the template's.
    command = executors[component["executorLabel"]]["container"]
    return _LAUNCHER_BYTES + len(json.dumps(_json([_json(told), _json(component), command])))


def _argument(value: Any) -> int:
    """Size of a value's JSON within JSON."""
    return len(json.dumps(_json(value)))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _kib(count: int) -> str:
    return f"{count / 1024:.0f} KiB"
