"""One task's component and container in a Kubeflow specification."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.common.tfx.input_keys import role_of
from pipeline.kubeflow.run_values import CHANNEL, IMAGE
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.tasks import Task

PYTHON = "python"
ENTRYPOINT = "infra.kubeflow.entrypoint"


@dataclass(frozen=True)
class Part:
    """A component with the container that executes it.

    Attributes:
      component: ComponentSpec, without the executor's label.
      executor: ExecutorSpec.
      settings: What its pod gets.
    """

    component: Mapping[str, Any]
    executor: Mapping[str, Any]
    settings: TaskSettings


@dataclass(frozen=True)
class Command:
    """What a container runs, besides what Kubeflow fills in.

    Attributes:
      module: Python module.
      arguments: Its arguments.
    """

    module: str
    arguments: tuple[str, ...] = field(default=())


def make_part(
    kubeflow: KubeflowSettings,
    settings: TaskSettings,
    command: Command,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    parameters: Mapping[str, str],
    output_parameters: Iterable[str] = (),
) -> Part:
    """Describes a component and its container.

    Args:
      kubeflow: Image and environment.
      settings: Resources of its pod.
      command: What it runs.
      inputs: Type of each input artifact.
      outputs: Type of each output artifact.
      parameters: Kubeflow's type of each input parameter, the image's among them.
      output_parameters: Names of output parameters; all are strings.
    """
    definitions: dict[str, Any] = {
        "parameters": {name: {"parameterType": kind} for name, kind in sorted(parameters.items())}
    }
    if inputs:
        definitions["artifacts"] = {name: artifact(kind) for name, kind in sorted(inputs.items())}
    component: dict[str, Any] = {"inputDefinitions": definitions}
    made: dict[str, Any] = {}
    if outputs:
        made["artifacts"] = {name: artifact(kind) for name, kind in sorted(outputs.items())}
    if output_parameters:
        made["parameters"] = {name: {"parameterType": "STRING"} for name in sorted(output_parameters)}
    if made:
        component["outputDefinitions"] = made
    container: dict[str, Any] = {
        "image": f"{{{{$.inputs.parameters['{CHANNEL}{IMAGE}']}}}}",
        "command": [PYTHON, "-m", command.module],
        "args": list(command.arguments),
    }
    if settings.environment:
        container["env"] = [{"name": name, "value": value} for name, value in settings.environment.items()]
    if resources := _resources(settings):
        container["resources"] = resources
    return Part(component, {"container": container}, settings)


def task_command(task: Task, run_folder: str, values: Sequence[str], shares: Iterable[str]) -> Command:
    """What the container of a pipeline's node runs.

    What is known now is part of the command: Kubeflow's cache compares it like parameters, and the graph of
    tasks, which Kubeflow's driver is given as one argument, holds only who feeds whom.

    Args:
      task: The node.
      run_folder: Of the run, as pods see it.
      values: Names of the run-time parameters it is given.
      shares: Roles of its inputs of which each holds the artifacts of several candidates.
    """
    arguments = [
        *("--node", task.component),
        *("--executor", task.executor),
        *("--task", "{{$}}"),
        *in_run(run_folder),
        *("--types", compact(roles(task.input_types))),
        *("--outputs", compact(task.outputs)),
        *("--parameters", compact(task.parameters)),
        *("--values", ",".join(values)),
    ]
    if shared := sorted(shares):
        arguments += ["--shares", ",".join(shared)]
    return Command(ENTRYPOINT, (*arguments, *task.beam_args))


def in_run(run_folder: str) -> tuple[str, ...]:
    """The options that say which run a container belongs to."""
    return ("--run-id", "{{$.pipeline_job_uuid}}", "--run-folder", run_folder)


def roles(names: Mapping[str, str]) -> dict[str, str]:
    """The same by role: of ``variants_000 ... variants_143`` only ``variants`` stays."""
    return {role_of(name): kind for name, kind in sorted(names.items())}


def artifact(kind: str) -> dict[str, Any]:
    """An artifact's definition by its type's name."""
    return {"artifactType": {"schemaTitle": kind, "schemaVersion": "0.0.1"}}


def _resources(settings: TaskSettings) -> dict[str, Any]:
    resources: dict[str, Any] = {
        name: value
        for name, value in (
            ("resourceCpuRequest", settings.cpu),
            ("resourceCpuLimit", settings.cpu_limit),
            ("resourceMemoryRequest", settings.memory),
            ("resourceMemoryLimit", settings.memory_limit),
        )
        if value
    }
    if settings.accelerator:
        resources["accelerator"] = {
            "resourceType": settings.accelerator.type,
            "resourceCount": str(settings.accelerator.count),
        }
    return resources


def compact(value: Any) -> str:
    """A value as short JSON."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
