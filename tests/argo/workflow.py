"""Argo's workflow of a compiled pipeline, as the API server of Kubeflow Pipelines 2.16 writes it.

Argo itself is real in these tests: its validation, its packing and its controller are Go modules. Kubeflow's
compiler to Argo (``argocompiler.Compile``) is not to be had from the Go module proxy, so its output is made
here: the same templates, workflow parameters and entries, with the settings of a default installation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2

from tests.argo.protobuf import kept_by, stable_json
from tests.argo.templates import (
    DAG_DRIVER,
    RETRY,
    container_driver,
    dag_driver,
    executor,
    parameters,
    placeholder,
    values,
)

NAMESPACE = "kubeflow"
_ISTIO = {"sidecar.istio.io/inject": "false"}
_V2 = {"pipelines.kubeflow.org/v2_component": "true"}


def workflow(
    specification: Mapping[str, Any],
    platform: Mapping[str, Any],
    arguments: Mapping[str, Any] | None = None,
    run_id: str = "6f2c8f5c-1f6e-4c8e-9a64-0f2d6c5f3b11",
) -> dict[str, Any]:
    """Compiles a pipeline to the workflow of a run.

    Args:
      specification: PipelineSpec.
      platform: PlatformSpec.
      arguments: Values of the run's parameters; those that are not given have their defaults.
      run_id: Of Kubeflow.
    """
    return _Compiler(specification, platform, run_id).compile(arguments or {})


@dataclass
class _Compiler:
    specification: Mapping[str, Any]
    platform: Mapping[str, Any]
    run_id: str
    _arguments: dict[str, str] = field(default_factory=dict)
    _templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    _visited: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        spec = kept_by(pipeline_spec_pb2.PipelineSpec(), self.specification)
        self._name: str = spec["pipelineInfo"]["name"]
        self._components: dict[str, Any] = {**spec["components"], "root": spec["root"]}
        self._executors: dict[str, Any] = kept_by(
            pipeline_spec_pb2.PipelineDeploymentConfig(), spec["deploymentSpec"]
        )["executors"]
        platforms = self.platform.get("platforms", {})
        self._kubernetes: Mapping[str, Any] = (
            platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        )

    def compile(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._visit("root")
        known = self._components["root"].get("inputDefinitions", {}).get("parameters", {})
        given = {
            name: arguments.get(name, parameter.get("defaultValue"))
            for name, parameter in known.items()
            if name in arguments or "defaultValue" in parameter or parameter.get("isOptional")
        }
        self._add(DAG_DRIVER, dag_driver(self._name))
        self._add("entrypoint", {"dag": {"tasks": self._entrypoint({"parameterValues": given})}})
        document = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": f"{self._name}-x7k2p",
                "namespace": NAMESPACE,
                "uid": self.run_id,
                "annotations": {"pipelines.kubeflow.org/run_name": self._name},
                "labels": {"pipeline/runid": self.run_id},
            },
            "spec": {
                "entrypoint": "entrypoint",
                "serviceAccountName": "pipeline-runner",
                "podMetadata": {"annotations": _V2, "labels": {**_V2, "pipeline/runid": self.run_id}},
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "arguments": {"parameters": values(self._arguments)},
                "templates": list(self._templates.values()),
            },
        }
        # The server puts its own id where the compiler wrote the workflow's.
        replaced: dict[str, Any] = json.loads(json.dumps(document).replace("{{workflow.uid}}", self.run_id))
        return replaced

    def _visit(self, name: str) -> None:
        """Components first that others are made of; each once."""
        if name in self._visited:
            return
        self._visited.add(name)
        component = self._components[name]
        if "dag" not in component:
            container = self._executors[component["executorLabel"]]["container"]
            self._keep(f"components-{self._hash(name)}", component)
            self._keep(f"implementations-{self._hash(name)}", container)
            if component["executorLabel"] in self._kubernetes:
                self._keep(f"kubernetes-{name}", self._kubernetes[component["executorLabel"]])
            return
        tasks = component["dag"]["tasks"]
        for task in (tasks[key] for key in sorted(tasks)):
            task["dependentTasks"] = _dependencies(task)
            if not task["dependentTasks"]:
                del task["dependentTasks"]
            self._visit(task["componentRef"]["name"])
        self._keep(f"components-{self._hash(name)}", component)
        entries = [entry for key in sorted(tasks) for entry in self._task(key, tasks[key])]
        self._add(name, {"inputs": {"parameters": parameters("parent-dag-id")}, "dag": {"tasks": entries}})

    def _task(self, name: str, task: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        component = task["componentRef"]["name"]
        if "parameterIterator" in task:
            raise NotImplementedError(f"{name} is a loop: add the iterator's templates here")
        told = {"component": self._argument("components", component), "task": stable_json(task)}
        parent = placeholder("inputs", "parent-dag-id")
        after = {"depends": " && ".join(f"{one}.Succeeded" for one in task.get("dependentTasks", ()))}
        driver = f"{name}-driver"
        if "dag" in self._components[component]:
            self._add(DAG_DRIVER, dag_driver(self._name))
            yield {
                "name": driver,
                "template": DAG_DRIVER,
                "arguments": {
                    "parameters": values(
                        {
                            "component": told["component"],
                            "parent-dag-id": parent,
                            "task": told["task"],
                            "task-name": name,
                        }
                    )
                },
                **after,
            }
            yield {
                "name": name,
                "template": component,
                "arguments": {
                    "parameters": values(
                        {
                            "parent-dag-id": placeholder(f"tasks.{driver}.outputs", "execution-id"),
                            "condition": placeholder(f"tasks.{driver}.outputs", "condition"),
                        }
                    )
                },
                "depends": f"{driver}.Succeeded",
            }
            return
        told |= {
            "container": self._argument("implementations", component),
            "task-name": name,
            "parent-dag-id": parent,
        }
        if f"kubernetes-{component}" in self._arguments:
            told["kubernetes-config"] = placeholder("workflow", f"kubernetes-{component}")
        retry = task.get("retryPolicy")
        template, made = executor(retry is not None, self._metadata(component))
        self._add("system-container-driver", container_driver(self._name))
        for key, one in made.items():
            self._add(key, one)
        yield {
            "name": driver,
            "template": "system-container-driver",
            "arguments": {"parameters": values(told)},
            **after,
        }
        given = values({"pod-spec-patch": placeholder(f"tasks.{driver}.outputs", "pod-spec-patch")})
        given.append(
            {
                "name": "cached-decision",
                "value": placeholder(f"tasks.{driver}.outputs", "cached-decision"),
                "default": "false",
            }
        )
        given += values(self._metadata_values(component))
        given += values(_retry_values(retry)) if retry is not None else []
        yield {
            "name": name,
            "template": template,
            "arguments": {"parameters": given},
            "depends": f"{driver}.Succeeded",
        }

    def _entrypoint(self, runtime: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "name": "root-driver",
                "template": DAG_DRIVER,
                "arguments": {
                    "parameters": values(
                        {
                            "component": self._argument("components", "root"),
                            "runtime-config": stable_json(runtime),
                            "driver-type": "ROOT_DAG",
                        }
                    )
                },
            },
            {
                "name": "root",
                "template": "root",
                "arguments": {
                    "parameters": values(
                        {
                            "parent-dag-id": placeholder("tasks.root-driver.outputs", "execution-id"),
                            "condition": "",
                        }
                    )
                },
                "depends": "root-driver.Succeeded",
            },
        ]

    def _metadata(self, component: str) -> tuple[int, int] | None:
        """How many annotations and labels the pods of a component are given; none: no part says so."""
        config = self._kubernetes.get(self._components[component]["executorLabel"], {})
        if "podMetadata" not in config:
            return None
        given = config["podMetadata"]
        return len(given.get("annotations", {})), len(given.get("labels", {}))

    def _metadata_values(self, component: str) -> dict[str, str]:
        config = self._kubernetes.get(self._components[component]["executorLabel"], {})
        told: dict[str, str] = {}
        for kind in ("annotation", "label"):
            given = config.get("podMetadata", {}).get(f"{kind}s", {})
            for number, (key, value) in enumerate(sorted(given.items()), 1):
                end = f"-{number}" if len(given) > 1 else ""
                told |= {
                    f"pod-metadata-{kind}-key{end}": key,
                    f"pod-metadata-{kind}-val{end}": value,
                }
        return told

    def _add(self, name: str, template: Mapping[str, Any]) -> None:
        if name not in self._templates:
            metadata = template.get("metadata", {})
            annotations = {**metadata.get("annotations", {}), **_ISTIO}
            self._templates[name] = {
                **template,
                "name": name,
                "metadata": {**metadata, "annotations": annotations},
            }

    def _keep(self, name: str, value: Mapping[str, Any]) -> None:
        self._arguments.setdefault(name, stable_json(value))

    def _argument(self, kind: str, component: str) -> str:
        return placeholder("workflow", f"{kind}-{self._hash(component)}")

    def _hash(self, component: str) -> str:
        """What a component's own text is kept by: its container, or the name of a graph."""
        label = self._components[component].get("executorLabel")
        if label is None:
            return component
        return hashlib.sha256(stable_json(self._executors[label]["container"]).encode()).hexdigest()


def _dependencies(task: Mapping[str, Any]) -> list[str]:
    """Tasks that a task waits for: those that are named, then those that it takes something from."""
    found = list(task.get("dependentTasks", ()))
    inputs = task.get("inputs", {})
    for given in (*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()):
        for kind in ("taskOutputParameter", "taskOutputArtifact"):
            producer = given.get(kind, {}).get("producerTask")
            if producer and producer not in found:
                found.append(producer)
    return found


def _retry_values(policy: Mapping[str, Any]) -> dict[str, str]:
    told = {"max-count": str(policy.get("maxRetryCount", 0))}
    if "backoffDuration" in policy:
        told["backoff-duration"] = policy["backoffDuration"].removesuffix("s")
    told["backoff-factor"] = f"{policy.get('backoffFactor', 0):g}"
    if "backoffMaxDuration" in policy:
        told["backoff-max-duration"] = policy["backoffMaxDuration"].removesuffix("s")
    assert set(told) <= set(RETRY)
    return {f"retry-{name}": value for name, value in told.items()}
