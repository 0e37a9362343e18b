"""The pipeline's nodes as TFX compiles them for Kubeflow, read back into records.

TFX's own output does not run on open-source Kubeflow 2: its entrypoint wants artifact types that the backend
does not send, and its task names and sizes do not suit Argo. What is kept is what TFX knows: who feeds whom,
with which parameters, by which executor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import yaml

from pipeline.configuration.config import RunConfig
from pipeline.configuration.sources import DataDigests
from pipeline.local.layout import RunLayout

ParameterType = Literal["STRING", "NUMBER_INTEGER"]
_DIGEST = "digest_"


@dataclass(frozen=True)
class Source:
    """An output that a task takes in.

    Attributes:
      node_id: Of the node that makes it.
      key: Its name there.
    """

    node_id: str
    key: str


@dataclass(frozen=True)
class Task:
    """What one container does.

    Attributes:
      node_id: As in the pipeline, as ``StudentTrainer.tiny``.
      executor: Import path of the executor.
      inputs: Where each input artifact comes from.
      input_types: TYPE_NAME of each, by Kubeflow's schema titles.
      outputs: Types of the output artifacts.
      parameters: Execution parameters that are known now.
      digests: Those that the run's first task finds out, by the name it gives them.
      beam_args: Options of Beam.
    """

    node_id: str
    executor: str
    inputs: Mapping[str, Source]
    input_types: Mapping[str, str]
    outputs: Mapping[str, str]
    parameters: Mapping[str, str | int]
    digests: Mapping[str, str] = field(default_factory=dict)
    beam_args: Sequence[str] = ()

    @property
    def component(self) -> str:
        """The component's name, as ``StudentTrainer``."""
        return self.node_id.partition(".")[0]


def compile_tasks(config: RunConfig, layout: RunLayout) -> list[Task]:
    """The tasks of a pipeline, in the order of the data.

    Args:
      config: Resolved, with marks for what is given when the pipeline is started.
      layout: Of the run, as its pods see it.
    """
    # Not above: containers that only read these records need not wait for TensorFlow.
    from tfx import v1 as tfx
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    from pipeline.dag import beam_args, create_nodes

    nodes = create_nodes(config, layout, unknown_digests(config), in_image=True)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=pipeline_name(config.name),
        pipeline_root="",
        components=nodes,
        enable_cache=config.execution.cache,
        beam_pipeline_args=beam_args(config),
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=config.kubeflow.image, use_pipeline_spec_2_1=True
        )
    )
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    return [_task(spec, node.id) for node in nodes]


def pipeline_name(name: str) -> str:
    """A run's name as Kubeflow takes it: lower case, digits, dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", name)


def unknown_digests(config: RunConfig) -> DataDigests:
    """Stands for fingerprints of what lies on the cluster: its first task makes them."""
    from tfx.orchestration.data_types import RuntimeParameter

    def later(name: str) -> str:
        return cast(str, RuntimeParameter(name=f"{_DIGEST}{name}", ptype=str))

    synthetic = config.synthetic is not None
    return DataDigests(
        corpus="" if synthetic else later("corpus"),
        noss="" if synthetic else later("noss"),
        teacher=later("teacher"),
        references={one.name: later(f"reference_{one.name}") for one in config.evaluation.references},
        devices={name: later(f"device_{name}") for name in config.latency.devices},
        registry=later("registry"),
    )


def known_digests(digests: DataDigests) -> dict[str, str]:
    """What the first task found, by the names that :func:`unknown_digests` gave."""
    return {
        f"{_DIGEST}corpus": digests.corpus,
        f"{_DIGEST}noss": digests.noss,
        f"{_DIGEST}teacher": digests.teacher,
        **{f"{_DIGEST}reference_{name}": value for name, value in digests.references.items()},
        **{f"{_DIGEST}device_{name}": value for name, value in digests.devices.items()},
        f"{_DIGEST}registry": digests.registry,
    }


def _task(spec: Mapping[str, Any], node_id: str) -> Task:
    task, component = spec["root"]["dag"]["tasks"][node_id], spec["components"][node_id]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    definitions = component.get("inputDefinitions", {})
    given = task.get("inputs", {})
    constants: dict[str, str | int] = {}
    digests: dict[str, str] = {}
    for name, value in given.get("parameters", {}).items():
        if "componentInputParameter" in value:
            digests[name] = value["componentInputParameter"]
            continue
        constant = value["runtimeValue"]["constant"]
        integer = definitions["parameters"][name]["parameterType"] == "NUMBER_INTEGER"
        constants[name] = int(constant) if integer else constant
    args = container["args"]
    options = args.index("--json_serialized_inputs_spec_args") + 2
    return Task(
        node_id=node_id,
        executor=args[args.index("--executor_class_path") + 1],
        inputs={
            name: Source(
                value["taskOutputArtifact"]["producerTask"], value["taskOutputArtifact"]["outputArtifactKey"]
            )
            for name, value in given.get("artifacts", {}).items()
        },
        input_types={name: _title(value) for name, value in definitions.get("artifacts", {}).items()},
        outputs={
            name: _title(value)
            for name, value in component.get("outputDefinitions", {}).get("artifacts", {}).items()
        },
        parameters=constants,
        digests=digests,
        beam_args=args[options:],
    )


def _title(definition: Mapping[str, Any]) -> str:
    title: str = yaml.safe_load(definition["artifactType"]["instanceSchema"])["title"]
    return title
