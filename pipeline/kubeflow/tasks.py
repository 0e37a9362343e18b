"""The pipeline's nodes as records: who feeds whom, with which parameters, by which executor.

TFX's own compiler writes what does not run on open-source Kubeflow 2: its entrypoint wants types of artifacts
that the backend does not send, and its task names and sizes do not suit Argo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pipeline.configuration.config import RunConfig
from pipeline.configuration.sources import DataDigests
from pipeline.local.layout import RunLayout

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_node import BaseNode
    from tfx.types import Artifact

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
    from pipeline.dag import beam_args, create_nodes

    nodes = create_nodes(config, layout, unknown_digests(config), in_image=True)
    return [_task(node, beam_args(config)) for node in nodes]


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


def _task(node: BaseNode, pipeline_args: Sequence[str]) -> Task:
    from tfx.orchestration.data_types import RuntimeParameter

    given = {name: value for name, value in node.exec_properties.items() if value is not None}
    digests = {name: value.name for name, value in given.items() if isinstance(value, RuntimeParameter)}
    executor: Any = node.executor_spec
    return Task(
        node_id=node.id,
        executor=executor.class_path,
        inputs={
            name: Source(channel.producer_component_id, channel.output_key)
            for name, channel in node.inputs.items()
        },
        input_types={name: _title(channel.type) for name, channel in node.inputs.items()},
        outputs={name: _title(channel.type) for name, channel in node.outputs.items()},
        parameters={name: value for name, value in given.items() if name not in digests},
        digests=digests,
        # A node's own come last and win.
        beam_args=[*pipeline_args, *getattr(executor, "beam_pipeline_args", ())],
    )


def _title(kind: type[Artifact]) -> str:
    """What Kubeflow calls a type, and TFX finds it by."""
    return f"tfx.{kind.TYPE_NAME}" if kind.__module__.startswith("tfx.") else str(kind.TYPE_NAME)
