"""Runs a component's executor in a container of Kubeflow Pipelines.

python -m infra.kubeflow.entrypoint --node … --executor … --task EXECUTOR_INPUT …

TFX's own entrypoint wants what the open-source backend does not send: types of input artifacts, and addresses
that TensorFlow can open. Here the types come with the command, and addresses become the launcher's folders.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.common.tfx.input_keys import role_of
from infra.kubeflow.bundle import unbundle
from infra.kubeflow.container_task import ContainerTask, GivenArtifact, TaskError
from infra.kubeflow.outcome import reporting
from infra.kubeflow.run_context import inside
from pipeline.kubeflow.run_values import apply

log = logging.getLogger("tinytrill.kubeflow")


def execute(options: argparse.Namespace, beam_args: Sequence[str]) -> None:
    """Executes one task.

    Args:
      options: Of the command line.
      beam_args: Options of Beam.

    Raises:
      TaskError: If the task does not fit the executor.
      RunValueError: If a run-time parameter cannot be used.
      Exception: Whatever the executor raises.
    """
    from tfx.dsl.components.base import base_beam_executor, base_executor
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_form
    from tfx.orchestration.portable import outputs_utils
    from tfx.utils import import_utils

    made = json.loads(options.outputs)
    task = ContainerTask.parse(options.task, made, frozenset(filter(None, options.integers.split(","))))
    task.prepare()
    properties = apply(task.parameters, task.values)
    given = unbundle(task.inputs, json.loads(options.bundled)) if options.bundled else task.inputs
    types = json.loads(options.types)
    inputs = {key: [_artifact(given[key], types, key)] for key in sorted(given)}
    executor_class = import_utils.import_class_by_path(options.executor)
    outputs = {key: [_artifact(one, made, key)] for key, one in task.outputs.items()}
    beam = issubclass(executor_class, base_beam_executor.BaseBeamExecutor)
    kind = base_beam_executor.BaseBeamExecutor if beam else base_executor.BaseExecutor
    root = Path(task.output_file).parent
    context = kind.Context(
        unique_id=root.name,
        tmp_dir=str(root / ".temp"),
        **{"beam_pipeline_args" if beam else "extra_flags": list(beam_args)},
    )
    # Executors may count on their folders, as TFX's own runners make them.
    outputs_utils.make_output_dirs(outputs)
    with inside(Path(options.run_folder), options.run_id):
        executor_class(context).Do(inputs, outputs, properties)
    outputs_utils.tag_output_artifacts_with_version(outputs)
    # The launcher knows the artifacts' names; without any, TFX warns of each artifact.
    told = tfx_form.translate_executor_output(outputs, {one.id: "" for (one,) in outputs.values()})
    task.tell({key: _plain(listed.artifacts[0].metadata) for key, listed in told.items()})


def _artifact(given: GivenArtifact, types: Mapping[str, str], key: str) -> Any:
    """A TFX artifact of the type that the command names.

    Raises:
      TaskError: If it names none.
    """
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_form

    title = types.get(key) or types.get(role_of(key))
    if title is None:
        raise TaskError(f"no type is known of {key}; known are {', '.join(sorted(types))}")
    described = pipeline_spec_pb2.RuntimeArtifact(
        uri=given.uri, type=pipeline_spec_pb2.ArtifactTypeSchema(schema_title=title)
    )
    described.metadata.update(given.metadata)
    listed = pipeline_spec_pb2.ArtifactList(artifacts=[described])
    artifacts = tfx_form.parse_raw_artifact_dict({key: listed})
    return artifacts[key][0]


def _plain(metadata: Any) -> dict[str, Any]:
    from google.protobuf import json_format

    plain: dict[str, Any] = json_format.MessageToDict(metadata)
    return plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.entrypoint", allow_abbrev=False)
    for name, what in (
        ("node", "the node, for messages"),
        ("executor", "import path of the executor"),
        ("task", "ExecutorInput as JSON"),
        ("run-id", "Kubeflow's id of the run"),
        ("run-folder", "folder of the run that pods share"),
        ("types", "type of each input's role, as JSON"),
        ("outputs", "type of each output, as JSON"),
        ("values", "run-time parameters that the task is given"),
    ):
        parser.add_argument(f"--{name}", required=True, help=what)
    parser.add_argument("--integers", default="", help="parameters that are integers")
    parser.add_argument("--bundled", default="", help="output by role of what comes in bundles, as JSON")
    options, beam_args = parser.parse_known_args(arguments)
    with reporting(options.node) as outcome:
        execute(options, beam_args)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
