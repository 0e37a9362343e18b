"""Reading a compiled specification, and holding its wiring against itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

# Argo's rule; with "-driver" behind it a name must stay below 128.
_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,119}")


@dataclass(frozen=True)
class Placed:
    """A task and its component.

    Attributes:
      task: TaskSpec.
      component: ComponentSpec.
    """

    task: Mapping[str, Any]
    component: Mapping[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """Where each parameter comes from."""
        return dict(self.task.get("inputs", {}).get("parameters", {}))

    @property
    def artifacts(self) -> dict[str, Any]:
        """Where each artifact comes from."""
        return dict(self.task.get("inputs", {}).get("artifacts", {}))

    @property
    def run_values(self) -> set[str]:
        """Names of the run-time parameters that it is given, but for the image."""
        prefix = "pipelinechannel--"
        return {name.removeprefix(prefix) for name in self.given if name.startswith(prefix)} - {"image"}

    @property
    def cached(self) -> bool:
        """Whether it may be answered from the cache."""
        return bool(self.task["cachingOptions"].get("enableCache"))


def placed_tasks(specification: Mapping[str, Any]) -> dict[str, Placed]:
    """All tasks, by name; none of them is a graph itself."""
    return {
        name: Placed(task, specification["components"][task["componentRef"]["name"]])
        for name, task in specification["root"]["dag"]["tasks"].items()
    }


def container(specification: Mapping[str, Any], placed: Placed) -> dict[str, Any]:
    """ContainerSpec of a task."""
    label = placed.component["executorLabel"]
    return dict(specification["deploymentSpec"]["executors"][label]["container"])


def option(specification: Mapping[str, Any], placed: Placed, name: str) -> str:
    """The value of an option on a task's command line."""
    arguments = container(specification, placed)["args"]
    value: str = arguments[arguments.index(name) + 1]
    return value


def known(specification: Mapping[str, Any], placed: Placed) -> dict[str, Any]:
    """The execution parameters that are in a task's command."""
    found: dict[str, Any] = json.loads(option(specification, placed, "--parameters"))
    return found


def check(specification: Mapping[str, Any], platform: Mapping[str, Any]) -> None:
    """Asserts that Kubeflow can read it, and that every wire has two ends that fit."""
    json_format.ParseDict(specification, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    executors = specification["deploymentSpec"]["executors"]
    told = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(told) == set(executors)
    for one in told.values():
        json_format.ParseDict(one, kubernetes.KubernetesExecutorConfig())
    used = {one.task["componentRef"]["name"] for one in placed_tasks(specification).values()}
    assert used == set(specification["components"])
    assert {one["executorLabel"] for one in specification["components"].values()} == set(executors)
    _check_graph(specification["root"], specification["components"])


def _check_graph(graph: Mapping[str, Any], components: Mapping[str, Any]) -> None:
    tasks = graph["dag"]["tasks"]
    for key, task in tasks.items():
        assert _NAME.fullmatch(key), key
        # The backend looks a producer up by the name that its task says of itself.
        assert task["taskInfo"]["name"] == key
        component = components[task["componentRef"]["name"]]
        for kind in ("artifacts", "parameters"):
            wanted = component.get("inputDefinitions", {}).get(kind, {})
            given = task.get("inputs", {}).get(kind, {})
            assert set(given) == set(wanted), f"{key}: {kind}"
            for wire, source in given.items():
                _check_wire(f"{key}/{wire}", source, wanted[wire], graph, components)
        producers = {
            source[form]["producerTask"]
            for given in task.get("inputs", {}).values()
            for source in given.values()
            for form in ("taskOutputArtifact", "taskOutputParameter")
            if form in source
        }
        assert producers <= set(task.get("dependentTasks", [])) <= set(tasks) - {key}, f"{key}"
    order(tasks)


def _check_wire(
    place: str,
    source: Mapping[str, Any],
    wanted: Mapping[str, Any],
    graph: Mapping[str, Any],
    components: Mapping[str, Any],
) -> None:
    ((form, end),) = ((form, end) for form, end in source.items() if form != "parameterExpressionSelector")
    tasks = graph["dag"]["tasks"]
    if form == "runtimeValue":
        assert isinstance(end["constant"], str), place
    elif form == "componentInputParameter":
        definition = graph["inputDefinitions"]["parameters"][end]
        assert definition["parameterType"] == wanted["parameterType"], place
    elif form == "taskOutputArtifact":
        assert _made(tasks[end["producerTask"]], components)["artifacts"][end["outputArtifactKey"]] == wanted
    else:
        assert form == "taskOutputParameter", place
        made = _made(tasks[end["producerTask"]], components)["parameters"][end["outputParameterKey"]]
        assert made["parameterType"] == wanted["parameterType"], place


def _made(task: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    return dict(components[task["componentRef"]["name"]]["outputDefinitions"])


def order(tasks: Mapping[str, Any]) -> list[str]:
    """The tasks of a graph, each after what it waits for; asserts that there is such an order."""
    done: list[str] = []
    while len(done) < len(tasks):
        ready = [
            name
            for name, task in tasks.items()
            if name not in done and set(task.get("dependentTasks", [])) <= set(done)
        ]
        assert ready, f"these wait for each other: {sorted(set(tasks) - set(done))}"
        done += ready
    return done


def upstream(tasks: Mapping[str, Any], name: str) -> set[str]:
    """All tasks of a graph that are over before one begins."""
    before: set[str] = set()
    waiting = [name]
    while waiting:
        for one in tasks[waiting.pop()].get("dependentTasks", []):
            if one not in before:
                before.add(one)
                waiting.append(one)
    return before
