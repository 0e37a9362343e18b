"""What a container is told of its task, in the forms of Kubeflow Pipelines 2 and Vertex AI."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.kubeflow.places import local_path, remote_uri
from pipeline.kubeflow.run_values import CHANNEL


class TaskError(ValueError):
    """A task that cannot be read; the message says what was expected."""


@dataclass(frozen=True)
class GivenArtifact:
    """An input or output.

    Attributes:
      uri: Folder in the container.
      name: What the metadata store calls it; empty if nobody said.
      metadata: Its properties.
    """

    uri: str
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ContainerTask:
    """An ExecutorInput.

    Attributes:
      inputs: Artifacts by key; an optional one that is not there has no key.
      outputs: Artifacts that the component declares, by key; their folders need not be there yet.
      parameters: Execution parameters.
      values: Run-time parameters of the pipeline, by name.
      output_parameters: File of each output parameter.
      output_file: Where the container tells what it made.
    """

    inputs: Mapping[str, GivenArtifact]
    outputs: Mapping[str, GivenArtifact]
    parameters: Mapping[str, Any]
    values: Mapping[str, str]
    output_parameters: Mapping[str, str]
    output_file: str

    @classmethod
    def parse(
        cls, text: str, declared: Collection[str] = (), integers: frozenset[str] = frozenset()
    ) -> ContainerTask:
        """Reads an ExecutorInput's JSON.

        Args:
          text: As the launcher put it in place of ``{{$}}``.
          declared: Output artifacts that the component declares. The driver adds others, which are not the
            component's to make: where ``PUBLISH_LOGS`` is on, as by default, ``executor-logs``, a file that
            the launcher itself writes to.
          integers: Parameters that are integers: in JSON's form they are as good as fractions.

        Raises:
          TaskError: If it is not an ExecutorInput.
          PlaceError: If an artifact lies where the launcher brings nothing from.
        """
        try:
            told = json.loads(text)
        except ValueError as error:
            raise TaskError(f"the task is not JSON: {error}") from error
        if not isinstance(told, dict) or not isinstance(told.get("outputs"), dict):
            raise TaskError("the task is not an ExecutorInput: it has no 'outputs'")
        try:
            return cls._read(told.get("inputs") or {}, told["outputs"], declared, integers)
        except (AttributeError, KeyError, TypeError) as error:
            raise TaskError(f"the task is not an ExecutorInput: {type(error).__name__}: {error}") from error

    @classmethod
    def _read(
        cls,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        declared: Collection[str],
        integers: frozenset[str],
    ) -> ContainerTask:
        parameters, values = {}, {}
        for name, value in _parameters(inputs).items():
            if name.startswith(CHANNEL):
                values[name.removeprefix(CHANNEL)] = _string(value)
            else:
                parameters[name] = _integer(name, value) if name in integers else value
        return cls(
            inputs=_artifacts(inputs),
            outputs=_artifacts(outputs, declared),
            parameters=parameters,
            values=values,
            output_parameters={
                name: local_path(one["outputFile"]) for name, one in (outputs.get("parameters") or {}).items()
            },
            output_file=local_path(outputs.get("outputFile", "")),
        )

    def prepare(self) -> None:
        """Makes the folders that outputs are written into; Kubeflow's launcher does, Vertex AI's does not."""
        for artifact in self.outputs.values():
            Path(artifact.uri).parent.mkdir(parents=True, exist_ok=True)
        for file in (*self.output_parameters.values(), self.output_file):
            if file:
                Path(file).parent.mkdir(parents=True, exist_ok=True)

    def tell(
        self, metadata: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, str] | None = None
    ) -> None:
        """Writes what was made, for the launcher to upload and register.

        Args:
          metadata: Properties of each output artifact.
          parameters: Output parameters; those that nobody asked for are left out.
        """
        asked = {name: value for name, value in (parameters or {}).items() if name in self.output_parameters}
        for name, value in asked.items():
            Path(self.output_parameters[name]).write_text(value, encoding="utf-8")
        told: dict[str, Any] = {
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            **({"name": artifact.name} if artifact.name else {}),
                            "uri": remote_uri(artifact.uri),
                            "metadata": dict(metadata.get(key, {})),
                        }
                    ]
                }
                for key, artifact in self.outputs.items()
            }
        }
        if asked:
            told["parameterValues"] = asked
        if self.output_file:
            Path(self.output_file).write_text(json.dumps(told), encoding="utf-8")


def _artifacts(given: Mapping[str, Any], declared: Collection[str] | None = None) -> dict[str, GivenArtifact]:
    found = {}
    for key, listed in (given.get("artifacts") or {}).items():
        if declared is not None and key not in declared:
            continue
        artifacts = listed.get("artifacts") or []
        if len(artifacts) > 1:
            raise TaskError(f"{key} has {len(artifacts)} artifacts; accepted: one")
        if artifacts:
            one = artifacts[0]
            found[key] = GivenArtifact(
                local_path(one.get("uri", "")), one.get("name", ""), one.get("metadata") or {}
            )
    return found


def _parameters(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in the form of schema 2.1, or in the older one that Vertex AI also sends."""
    if inputs.get("parameterValues"):
        return dict(inputs["parameterValues"])
    found = {}
    for name, value in (inputs.get("parameters") or {}).items():
        kinds = [kind for kind in ("stringValue", "intValue", "doubleValue") if kind in value]
        if not kinds:
            raise TaskError(f"parameter {name} has no value that is a string or a number: {value!r}")
        found[name] = int(value["intValue"]) if kinds[0] == "intValue" else value[kinds[0]]
    return found


def _integer(name: str, value: Any) -> int:
    try:
        whole = int(value)
        if whole == value or isinstance(value, str):
            return whole
    except (OverflowError, TypeError, ValueError):
        pass
    raise TaskError(f"parameter {name} is {value!r}; accepted: a whole number")


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
