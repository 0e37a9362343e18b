"""Compiles a run's configuration to a pipeline that open-source Kubeflow Pipelines 2 executes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.tfx.input_keys import input_key, role_of
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.sources import resolve
from pipeline.kubeflow import run_values
from pipeline.kubeflow.candidates import STEPS, TRAINER, Share, Steps, divide
from pipeline.kubeflow.containers import Command, compact, in_run, make_part, task_command
from pipeline.kubeflow.names import task_names
from pipeline.kubeflow.package import Package, read_package
from pipeline.kubeflow.platform import platform_specification
from pipeline.kubeflow.run_ends import CLOSED, FAILED_IN, FAILURES
from pipeline.kubeflow.run_values import CHANNEL, IMAGE, MARKS
from pipeline.kubeflow.settings import CLOSE_RUN, OPEN_RUN, KubeflowSettings, TaskSettings
from pipeline.kubeflow.size import Size, check_size, measure
from pipeline.kubeflow.specification import (
    Specification,
    Wiring,
    constant,
    from_task,
    parameter_from_run,
    parameter_from_task,
    task_specification,
)
from pipeline.kubeflow.tasks import Source, Task, compile_tasks, known_digests, pipeline_name, unknown_digests
from pipeline.local.layout import RunLayout
from schemas.devices import AdbDevice

_ENDINGS = (".yaml", ".yml")
OPEN_RUN_MODULE, CLOSE_RUN_MODULE = "infra.kubeflow.open_run", "infra.kubeflow.close_run"
PUSHER = "FrontierPusher"
_VALIDATORS = ("RecordValidator.corpus", "RecordValidator.noss")
# Settings for them are no mistake: configurations have parts in common.
_NOT_IN_EVERY_RUN = {"CorpusSynthesizer", "TeacherTrainer"}
# What begins only when the records are known to be good.
_AFTER_VALIDATION = ("TeacherTrainer", "TeacherEmbedder", "NossEvaluator")


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
        students = config.students.expand()
        ids = [one.candidate_id for one in students]
        # A search has a task more for each network, two where networks are timed, and few candidates train.
        timed = any(task.component == "LatencyScreen" for task in self._tasks.values())
        fewer = (4 if timed else 2) if config.search else 1
        self._shares = divide(students, max(1, config.kubeflow.parallel_candidates // fewer))
        self._steps = Steps.of(self._tasks, ids)
        self._owned = {f"{step}.{one}" for one in ids for step in STEPS}
        self._specification = Specification()
        self._parameters = parameters
        outside = [node_id for node_id in self._tasks if node_id not in self._owned]
        shares = [share.node_id for share in self._shares]
        self._names = task_names([OPEN_RUN, *outside, *shares, CLOSE_RUN])
        check_names(config.kubeflow, {OPEN_RUN, *outside, *map(self._settings_of, self._shares), CLOSE_RUN})

    def compile(self) -> CompiledPipeline:
        config = self._config
        root = {self._names[OPEN_RUN]: self._open_run(), self._names[CLOSE_RUN]: self._close_run()}
        root |= {
            self._names[node_id]: self._single(task)
            for node_id, task in self._tasks.items()
            if node_id not in self._owned
        }
        root |= {self._names[share.node_id]: self._share(share) for share in self._shares}
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
        arguments = (
            *("--task", "{{$}}"),
            *in_run(self._run_folder),
            *("--parameters", compact({"config_json": self._config.request()})),
        )
        found = [*known_digests(unknown_digests(self._config)), FAILURES]
        given = {f"{CHANNEL}{one}": parameter_from_run(one) for one in self._parameters}
        # What lies on the cluster may have changed: never from the cache.
        return self._add(OPEN_RUN, Command(OPEN_RUN_MODULE, arguments), Wiring(parameters=given), found)

    def _close_run(self) -> dict[str, Any]:
        """The last task: ends the run in MLflow, and fails if the gate is closed; never from the cache."""
        arguments = ("--task", "{{$}}", *in_run(self._run_folder))
        given = {CLOSED: parameter_from_task(self._names[PUSHER], CLOSED), **self._image()}
        after = frozenset({self._names[OPEN_RUN]})
        return self._add(CLOSE_RUN, Command(CLOSE_RUN_MODULE, arguments), Wiring({}, given, after))

    def _add(
        self, node_id: str, command: Command, wiring: Wiring, found: Sequence[str] = ()
    ) -> dict[str, Any]:
        """A task that is not a node of the pipeline."""
        settings = self._kubeflow.of(node_id)
        parameters = dict.fromkeys(wiring.parameters, "STRING")
        part = make_part(self._kubeflow, settings, command, {}, {}, parameters, found)
        name = self._names[node_id]
        return task_specification(name, self._specification.add_part(name, part), wiring, settings)

    def _single(self, task: Task) -> dict[str, Any]:
        """A task that belongs to no candidate."""
        settings = self._kubeflow.of(task.node_id)
        after = {self._names[OPEN_RUN]}
        if task.component in _AFTER_VALIDATION:
            after |= {self._names[node_id] for node_id in _VALIDATORS if node_id in self._names}
        shared = {key for key, source in task.inputs.items() if source.node_id in self._owned}
        keys = {role_of(key): task.inputs[key].key for key in shared}
        artifacts = {key: self._from(source) for key, source in task.inputs.items() if key not in shared}
        types = {key: kind for key, kind in task.input_types.items() if key not in shared}
        for place, share in enumerate(self._shares):
            for role, key in keys.items():
                name = input_key(role, place)
                artifacts[name] = from_task(self._names[share.node_id], key)
                types[name] = self._steps.outputs[key]
        values = run_values.needed(task.parameters, self._config.latency.devices)
        digests = {
            key: parameter_from_task(self._names[OPEN_RUN], name) for key, name in task.digests.items()
        }
        given = self._image() | self._given(values) | digests
        part = make_part(
            self._kubeflow,
            settings,
            task_command(task, self._run_folder, values, keys),
            types,
            task.outputs,
            dict.fromkeys(given, "STRING"),
            [CLOSED] if task.component == PUSHER else [],
        )
        name = self._names[task.node_id]
        return task_specification(
            name,
            self._specification.add_part(name, part),
            Wiring(artifacts, given, frozenset(after)),
            settings,
            self._caches(task.node_id, settings.cache),
        )

    def _share(self, share: Share) -> dict[str, Any]:
        """The task of some candidates, or of one."""
        own = self._kubeflow.of(self._settings_of(share))
        settings, attempts = _for_all(own, len(share.students)), (own.retries or 0) + 1
        values = sorted(
            {
                one
                for task in self._steps.tasks
                for one in run_values.needed(task.parameters, self._config.latency.devices)
            }
        )
        # Kubeflow's cache would give a failure for the answer; so a share that failed is another one.
        failed_in = parameter_from_task(self._names[OPEN_RUN], FAILURES, share.name)
        students = {name: constant(value) for name, value in share.parameters.items()}
        given = self._image() | self._given(values) | {FAILED_IN: failed_in} | students
        part = make_part(
            self._kubeflow,
            settings,
            self._steps.command(self._run_folder, values, attempts),
            self._steps.input_types,
            self._steps.outputs,
            dict.fromkeys(given, "STRING"),
        )
        return task_specification(
            self._names[share.node_id],
            self._specification.add_part("candidates", part),
            Wiring({key: self._from(source) for key, source in self._steps.inputs.items()}, given),
            settings,
            self._caches(share.node_id, settings.cache),
        )

    def _settings_of(self, share: Share) -> str:
        """Whose settings the pod of a share gets: a candidate that has it alone may have its own."""
        return f"{TRAINER}.{share.name}" if len(share.students) == 1 else TRAINER

    def _image(self) -> dict[str, Any]:
        return self._given([IMAGE])

    def _given(self, values: Sequence[str]) -> dict[str, Any]:
        """Parameters that the run gives."""
        return {f"{CHANNEL}{name}": parameter_from_run(name) for name in values}

    def _from(self, source: Source) -> dict[str, Any]:
        return from_task(self._names[source.node_id], source.key)

    def _caches(self, node_id: str, wanted: bool | None) -> bool:
        component, _, rest = node_id.partition(".")
        if component in ("LatencyBenchmark", "LatencyScreen") and isinstance(
            self._config.latency.devices[rest], AdbDevice
        ):
            # A device that was gone would be remembered as gone.
            return False
        return self._config.execution.cache and wanted is not False


def _for_all(settings: TaskSettings, candidates: int) -> TaskSettings:
    """What the pod of several candidates gets: time and retries for each.

    Each candidate is tried as often as a task of its own would be. If a container does not outlive the last
    attempt, there is one more start, in which the candidate is written down as failed.
    """
    retries = (settings.retries or 0) * candidates
    return settings.model_copy(
        update={
            "retries": retries + candidates if retries else 0,
            "timeout_seconds": settings.timeout_seconds and settings.timeout_seconds * candidates,
        }
    )


def check_names(kubeflow: KubeflowSettings, node_ids: Collection[str]) -> None:
    """Refuses settings for tasks that are not there: they would be without effect.

    Raises:
      ConfigError: With each, and the tasks that there are.
    """
    known = {
        name for node_id in node_ids for name in (node_id, node_id.partition(".")[0])
    } | _NOT_IN_EVERY_RUN
    if unknown := sorted(set(kubeflow.tasks) - known):
        raise ConfigError(
            f"kubeflow.tasks: no task is called {', '.join(unknown)}; accepted: {', '.join(sorted(known))}. "
            f"A candidate is trained, converted and evaluated in one pod, which {TRAINER} sets; one that "
            "shares it with others has no settings of its own"
        )
