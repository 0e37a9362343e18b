"""Compiles a run's configuration to a pipeline that open-source Kubeflow Pipelines 2 executes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.tfx.input_keys import input_key, number_of, role_of
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.sources import resolve
from pipeline.kubeflow import run_values
from pipeline.kubeflow.candidates import (
    Candidate,
    Step,
    add_candidates,
    candidate_node,
    values_of,
)
from pipeline.kubeflow.containers import Command, make_part, task_command
from pipeline.kubeflow.groups import (
    BUNDLE,
    BUNDLE_NODE,
    BUNDLE_TYPE,
    BundleTask,
    Group,
    bundle_part,
    divide,
    group_graph,
)
from pipeline.kubeflow.names import task_name, task_names
from pipeline.kubeflow.package import Package, read_package
from pipeline.kubeflow.platform import platform_specification
from pipeline.kubeflow.run_values import CHANNEL, IMAGE, MARKS
from pipeline.kubeflow.size import Size, check_size, measure
from pipeline.kubeflow.specification import (
    Specification,
    Wiring,
    constant,
    from_task,
    parameter_from_graph,
    parameter_from_task,
    task_specification,
)
from pipeline.kubeflow.tasks import Source, Task, compile_tasks, known_digests, pipeline_name, unknown_digests
from pipeline.local.layout import RunLayout
from schemas.devices import AdbDevice

_ENDINGS = (".yaml", ".yml")
OPEN_RUN = "OpenRun"
OPEN_RUN_MODULE = "infra.kubeflow.open_run"
_VALIDATORS = ("RecordValidator.corpus", "RecordValidator.noss")
# What begins only when the records are known to be good.
_AFTER_VALIDATION = ("TeacherTrainer", "TeacherEmbedder", "NossEvaluator")
_STEPS = ("StudentTrainer", "TfliteConverter", "NossEvaluator")


@dataclass(frozen=True)
class CompiledPipeline:
    """A pipeline as Kubeflow takes it.

    Attributes:
      specification: PipelineSpec.
      platform: PlatformSpec: what Kubernetes is told.
      size: What it amounts to on a cluster.
    """

    specification: Mapping[str, Any]
    platform: Mapping[str, Any]
    size: Size


def compile_pipeline(config: RunConfig, target: Path) -> CompiledPipeline:
    """Compiles and writes a pipeline.

    Args:
      config: As loaded. Places that are relative start at what is given when the pipeline is started.
      target: The YAML file.

    Raises:
      ConfigError: If the file has another ending, or the pipeline is larger than a cluster takes.
    """
    if target.suffix not in _ENDINGS:
        raise ConfigError(
            f"{target}: Kubeflow reads pipelines from files ending with {' or '.join(_ENDINGS)}"
        )
    compiled = compile_specification(config)
    target.parent.mkdir(parents=True, exist_ok=True)
    Package(str(target), dict(compiled.specification), dict(compiled.platform)).save(target)
    read_package(target)
    return compiled


def compile_specification(config: RunConfig) -> CompiledPipeline:
    """Compiles a pipeline; see :func:`compile_pipeline`."""
    layout = RunLayout(Path(config.kubeflow.scratch.path) / config.name)
    return _Compiler(marked(config, layout), layout, run_parameters(config)).compile()


def run_parameters(config: RunConfig) -> dict[str, dict[str, Any]]:
    """Definitions of what may be given when the pipeline is started: ComponentInputsSpec's parameters."""
    kubeflow = config.kubeflow

    def text(default: str, description: str) -> dict[str, Any]:
        return {
            "parameterType": "STRING",
            "defaultValue": default,
            "isOptional": True,
            "description": description,
        }

    return {
        IMAGE: text(kubeflow.image, "Container image of all tasks."),
        run_values.DATA_ROOT: text(
            kubeflow.data.path, "Folder of the pods that relative places of sound start at."
        ),
        run_values.TEACHER_ROOT: text(
            kubeflow.models.path, "Folder of the pods that relative teacher files are in."
        ),
        run_values.TEACHER: text("", "Another teacher, as JSON or YAML; empty: as compiled."),
        run_values.MLFLOW_URI: text(
            config.push.tracking_uri,
            "MLflow store, without credentials; empty: MLFLOW_TRACKING_URI of the pods.",
        ),
        **{
            run_values.device_parameter(name): text(
                "", f"Another profile of the device {name!r}, as JSON or YAML; empty: as compiled."
            )
            for name in config.latency.devices
        },
    }


def marked(config: RunConfig, layout: RunLayout) -> RunConfig:
    """The resolved configuration with marks where a value is known only when the pipeline is started."""
    push = config.push.model_copy(update={"tracking_uri": MARKS[run_values.MLFLOW_URI]})
    started = config.model_copy(
        update={
            "data_root": MARKS[run_values.DATA_ROOT],
            "teacher_root": MARKS[run_values.TEACHER_ROOT],
            "push": push,
        }
    )
    return resolve(started, layout, device_root=MARKS[run_values.DATA_ROOT])


class _Compiler:
    """Puts the tasks of a run together."""

    def __init__(self, config: RunConfig, layout: RunLayout, parameters: dict[str, dict[str, Any]]) -> None:
        self._config, self._kubeflow = config, config.kubeflow
        self._run_folder = str(layout.root)
        self._tasks = {task.node_id: task for task in compile_tasks(config, layout)}
        self._ids = [candidate.candidate_id for candidate in config.students.expand()]
        self._owner = {f"{step}.{one}": one for one in self._ids for step in _STEPS}
        self._groups = divide(self._ids, config.kubeflow.bundle_candidates)
        self._group_of = {one: group for group in self._groups for one in group.candidate_ids}
        self._specification = Specification()
        self._parameters = parameters
        outside = [node_id for node_id in self._tasks if node_id not in self._owner]
        self._names = task_names(
            [OPEN_RUN, *outside, *map(candidate_node, self._ids), *(group.node_id for group in self._groups)]
        )

    def compile(self) -> CompiledPipeline:
        config = self._config
        root = {self._names[OPEN_RUN]: self._open_run()}
        root |= {
            self._names[node_id]: self._single(task)
            for node_id, task in self._tasks.items()
            if node_id not in self._owner
        }
        root |= self._candidates()
        version = importlib.metadata.version("tfx")
        specification = self._specification.document(
            pipeline_name(config.name), config.description, self._parameters, root, f"tfx-{version}"
        )
        platform = platform_specification(self._kubeflow, self._specification.settings)
        size = measure(specification, platform)
        check_size(size)
        return CompiledPipeline(specification, platform, size)

    def _open_run(self) -> dict[str, Any]:
        """The first task: looks at what lies on the cluster, and opens the run in MLflow."""
        settings = self._kubeflow.of(OPEN_RUN)
        part = make_part(
            self._kubeflow,
            settings,
            Command(
                OPEN_RUN_MODULE,
                (
                    *("--task", "{{$}}"),
                    *("--run-id", "{{$.pipeline_job_uuid}}"),
                    *("--run-folder", self._run_folder),
                ),
            ),
            inputs={},
            outputs={},
            parameters={
                "config_json": "STRING",
                **{f"{CHANNEL}{name}": "STRING" for name in self._parameters},
            },
            output_parameters=known_digests(unknown_digests(self._config)),
        )
        name = self._names[OPEN_RUN]
        parameters = {"config_json": constant(self._config.request())}
        parameters |= {f"{CHANNEL}{one}": parameter_from_graph(one) for one in self._parameters}
        # What lies on the cluster may have changed: never from the cache.
        return task_specification(
            name, self._specification.add_part(name, part), Wiring(parameters=parameters), settings
        )

    def _single(self, task: Task) -> dict[str, Any]:
        """A task that belongs to no candidate."""
        step = self._step(task)
        name = self._names[task.node_id]
        after = {self._names[OPEN_RUN]}
        if task.component in _AFTER_VALIDATION:
            after |= {self._names[node_id] for node_id in _VALIDATORS if node_id in self._names}
        artifacts = {}
        for key, source in task.inputs.items():
            if self._is_bundled(key, source):
                group = self._group_of[self._owner[source.node_id]]
                artifacts[self._bundle_input(group)] = from_task(self._names[group.node_id], BUNDLE)
            else:
                artifacts[key] = self._from(source)
        parameters: dict[str, Any] = {key: constant(value) for key, value in task.parameters.items()}
        parameters |= self._later(task)
        return task_specification(
            name,
            self._specification.add_part(name, step.part),
            Wiring(artifacts, parameters, frozenset(after)),
            step.part.settings,
            step.cache,
        )

    def _candidates(self) -> dict[str, Any]:
        """A task a candidate, or a group of them."""
        candidates = [
            Candidate(one, tuple(self._step(self._tasks[f"{step}.{one}"]) for step in _STEPS))
            for one in self._ids
        ]
        components = add_candidates(self._specification, candidates)
        if self._groups:
            return self._grouped(candidates, components)
        made = {}
        for position, candidate in enumerate(candidates):
            component = components[candidate.candidate_id]
            graph = self._specification.component(component)
            values = values_of(candidate, graph)
            # A place becomes free when the candidate so many places before is done.
            earlier = position - self._kubeflow.parallel_candidates
            after = {self._names[candidate_node(self._ids[earlier])]} if earlier >= 0 else set()
            name = self._names[candidate_node(candidate.candidate_id)]
            made[name] = task_specification(
                name,
                component,
                Wiring(
                    {key: self._from(source) for key, source in candidate.outside.items()},
                    values | self._given(graph, set(values)),
                    frozenset(after),
                ),
            )
        return made

    def _grouped(self, candidates: list[Candidate], components: dict[str, str]) -> dict[str, Any]:
        size = self._kubeflow.bundle_candidates
        at_once = max(1, self._kubeflow.parallel_candidates // size)
        settings = self._kubeflow.of(BUNDLE_NODE)
        made: dict[str, Any] = {}
        for number, group in enumerate(self._groups):
            members = candidates[group.first : group.first + len(group.candidate_ids)]
            part = bundle_part(self._kubeflow, members[0], len(members), f"{CHANNEL}{IMAGE}")
            graph = group_graph(
                group,
                members,
                components,
                {name: self._specification.component(name) for name in components.values()},
                BundleTask(
                    name=task_name(BUNDLE_NODE),
                    component=self._specification.add_part(task_name(BUNDLE_NODE), part),
                    image=f"{CHANNEL}{IMAGE}",
                    settings=settings,
                    cache=self._caches(BUNDLE_NODE, settings.cache),
                ),
                self._kubeflow.parallel_candidates,
                self._exported,
            )
            name = self._names[group.node_id]
            after = {self._names[self._groups[number - at_once].node_id]} if number >= at_once else set()
            made[name] = task_specification(
                name,
                self._specification.add_graph("candidates", graph.component),
                Wiring(
                    {key: self._from(source) for key, source in graph.sources.items()},
                    {**graph.values, **self._given(graph.component, set(graph.values))},
                    frozenset(after),
                ),
            )
        return made

    def _exported(self, candidate_id: str) -> dict[str, str]:
        """What candidates of other groups start from: output key by name."""
        group = self._group_of[candidate_id]
        return {
            self._export(source): source.key
            for node_id, owner in self._owner.items()
            if self._group_of[owner] != group
            for source in self._tasks[node_id].inputs.values()
            if self._owner.get(source.node_id) == candidate_id
        }

    def _export(self, source: Source) -> str:
        return input_key(source.key, self._ids.index(self._owner[source.node_id]))

    def _given(self, graph: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
        """Where a graph gets the parameters that the run gives."""
        return {
            name: parameter_from_graph(name.removeprefix(CHANNEL))
            for name in graph["inputDefinitions"].get("parameters", {})
            if name not in known
        }

    def _is_bundled(self, key: str, source: Source) -> bool:
        return bool(self._groups) and source.node_id in self._owner and number_of(key) is not None

    def _bundle_input(self, group: Group) -> str:
        return input_key(BUNDLE, self._groups.index(group))

    def _step(self, task: Task) -> Step:
        settings = self._kubeflow.of(task.node_id)
        own = {key for key, source in task.inputs.items() if self._is_bundled(key, source)}
        bundled = {role_of(key): task.inputs[key].key for key in own}
        inputs = {key: kind for key, kind in task.input_types.items() if key not in own}
        if bundled:
            inputs |= {self._bundle_input(group): BUNDLE_TYPE for group in self._groups}
        parameters = {
            key: "NUMBER_INTEGER" if isinstance(value, int) else "STRING"
            for key, value in task.parameters.items()
        }
        parameters |= {key: "STRING" for key in self._later(task)}
        part = make_part(
            self._kubeflow,
            settings,
            task_command(task, self._run_folder, self._values(task), bundled),
            inputs,
            task.outputs,
            parameters,
        )
        return Step(task, part, self._caches(task.node_id, settings.cache))

    def _later(self, task: Task) -> dict[str, Any]:
        """Parameters that are known only when the pipeline is started."""
        return {
            **{f"{CHANNEL}{name}": parameter_from_graph(name) for name in (IMAGE, *self._values(task))},
            **{key: parameter_from_task(self._names[OPEN_RUN], name) for key, name in task.digests.items()},
        }

    def _values(self, task: Task) -> list[str]:
        return run_values.needed(task.parameters, self._config.latency.devices)

    def _from(self, source: Source) -> dict[str, Any]:
        """An artifact of the root graph: a candidate's comes out of its graph."""
        owner = self._owner.get(source.node_id)
        if owner is None:
            return from_task(self._names[source.node_id], source.key)
        if self._groups:
            return from_task(self._names[self._group_of[owner].node_id], self._export(source))
        return from_task(self._names[candidate_node(owner)], source.key)

    def _caches(self, node_id: str, wanted: bool | None) -> bool:
        component, _, rest = node_id.partition(".")
        if component == "LatencyBenchmark" and isinstance(self._config.latency.devices[rest], AdbDevice):
            # A device that was gone would be remembered as gone.
            return False
        return self._config.execution.cache and wanted is not False
