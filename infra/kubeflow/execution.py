"""Runs a component's executor on what lies in the container.

TFX's own entrypoint wants what the open-source backend does not send: types of input artifacts, and addresses
that TensorFlow can open. Here the types come with the command, and addresses become the launcher's folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.common.tfx.input_keys import role_of
from infra.kubeflow.container_task import GivenArtifact, TaskError


@dataclass(frozen=True)
class Execution:
    """What is executed.

    Attributes:
      executor: Import path of the executor.
      input_types: Type of each input, by its role.
      output_types: Type of each output.
      folder: Where the executor may keep temporary files.
      beam_args: Options of Beam.
    """

    executor: str
    input_types: Mapping[str, str]
    output_types: Mapping[str, str]
    folder: Path
    beam_args: Sequence[str] = field(default=())

    def run(
        self,
        inputs: Mapping[str, GivenArtifact],
        outputs: Mapping[str, GivenArtifact],
        properties: Mapping[str, Any],
    ) -> dict[str, dict[str, Any]]:
        """Executes; returns the properties of each output artifact.

        Args:
          inputs: Artifacts by key.
          outputs: Artifacts by key; their folders are made.
          properties: Execution parameters.

        Raises:
          TaskError: If no type is known of an artifact.
          Exception: Whatever the executor raises.
        """
        from tfx.dsl.components.base import base_beam_executor, base_executor
        from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_form
        from tfx.orchestration.portable import outputs_utils
        from tfx.utils import import_utils

        executor_class = import_utils.import_class_by_path(self.executor)
        given = {key: [_artifact(inputs[key], self.input_types, key)] for key in sorted(inputs)}
        made = {key: [_artifact(one, self.output_types, key)] for key, one in outputs.items()}
        beam = issubclass(executor_class, base_beam_executor.BaseBeamExecutor)
        kind = base_beam_executor.BaseBeamExecutor if beam else base_executor.BaseExecutor
        context = kind.Context(
            unique_id=self.folder.name,
            tmp_dir=str(self.folder / ".temp"),
            **{"beam_pipeline_args" if beam else "extra_flags": list(self.beam_args)},
        )
        # Executors may count on their folders, as TFX's own runners make them.
        outputs_utils.make_output_dirs(made)
        executor_class(context).Do(given, made, dict(properties))
        outputs_utils.tag_output_artifacts_with_version(made)
        # The launcher knows the artifacts' names; without any, TFX warns of each artifact.
        told = tfx_form.translate_executor_output(made, {one.id: "" for (one,) in made.values()})
        return {key: _plain(listed.artifacts[0].metadata) for key, listed in told.items()}


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
