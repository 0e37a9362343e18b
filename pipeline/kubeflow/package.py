"""A compiled pipeline as a file: what it is called, which run-time parameters it takes, and their values."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.faults import Refused, one_line
from schemas.secrets import redact, refusal
from schemas.strict_yaml import yaml_fault

# Open-source Kubeflow Pipelines takes no other.
SCHEMA_VERSION = "2.1.0"

_Kind = pipeline_spec_pb2.ParameterType.ParameterTypeEnum
# C's parser is some ten times as fast, and a large grid makes a large file.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ACCEPTED_FILE = f"accepted: a pipeline of schema {SCHEMA_VERSION}, as 'compile' writes it"
_ACCEPTED = {
    _Kind.NUMBER_INTEGER: "a whole number, as 3",
    _Kind.NUMBER_DOUBLE: "a number, as 0.5",
    _Kind.BOOLEAN: "true or false",
    _Kind.LIST: 'a JSON list, as ["a", "b"]',
    _Kind.STRUCT: 'a JSON object, as {"a": 1}',
}


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
      source: Where it was read, for messages.
      pipeline: The ``PipelineSpec`` as JSON has it.
      platform: The ``PlatformSpec`` as JSON has it; empty if there is none.
    """

    source: str
    pipeline: dict[str, Any]
    platform: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the pipeline."""
        return str(self.pipeline.get("pipelineInfo", {}).get("name", ""))

    def save(self, path: Path) -> None:
        """Writes it in the form that the SDK and the server's page of uploads read."""
        parts = [self.pipeline, *([self.platform] if self.platform else [])]
        with path.open("w", encoding="utf-8") as file:
            yaml.dump_all(parts, file, Dumper=_Dumper, sort_keys=True, allow_unicode=True)


def read_package(path: Path) -> Package:
    """Reads a compiled pipeline and holds it against KFP's protocol buffers.

    Raises:
      Refused: If there is no such file, or it is not a pipeline that Kubeflow Pipelines takes.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise Refused(f"{path}: a pipeline's file ends with .yaml or .yml; {_ACCEPTED_FILE}")
    try:
        with path.open(encoding="utf-8") as file:
            parts = [part for part in yaml.load_all(file, _Loader) if part is not None]
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}; {_ACCEPTED_FILE}") from None
    except yaml.YAMLError as error:
        raise Refused(f"{path} is not YAML: {yaml_fault(error)}; {_ACCEPTED_FILE}") from None
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not YAML: {one_line(str(error))}; {_ACCEPTED_FILE}") from None
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, dict) for part in parts):
        raise Refused(f"{path} holds no pipeline, or more than one; {_ACCEPTED_FILE}")
    platform = parts[1] if len(parts) > 1 else {}
    try:
        json_format.ParseDict(parts[0], pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        raise Refused(f"{path} is not a pipeline: {one_line(str(error))}; {_ACCEPTED_FILE}") from None
    found = parts[0].get("schemaVersion")
    if found != SCHEMA_VERSION or not parts[0].get("root", {}).get("dag", {}).get("tasks"):
        raise Refused(f"{path} has the schema {found!r}, or no tasks; {_ACCEPTED_FILE}")
    return Package(str(path), parts[0], platform)


def parameter_values(package: Package, given: Sequence[str]) -> dict[str, Any]:
    """Reads the values of run-time parameters.

    Args:
      package: Whose root inputs say which parameters there are.
      given: ``NAME=VALUE`` strings.

    Returns:
      Those that were given, each of the parameter's type.

    Raises:
      Refused: Naming every parameter that is unknown, given twice, without a value, or of another type.
    """
    inputs = json_format.ParseDict(
        package.pipeline["root"].get("inputDefinitions", {}), pipeline_spec_pb2.ComponentInputsSpec()
    )
    known = dict(inputs.parameters)
    values: dict[str, Any] = {}
    faults: list[str] = []
    refuse_secrets(given)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            faults.append(f"--param {redact(text)!r} must have the form NAME=VALUE")
        elif name not in known:
            faults.append(_unknown(name, sorted(known), package))
        elif name in values:
            faults.append(f"--param {name} is given twice")
        else:
            try:
                values[name] = _value(known[name], value)
            except ValueError as error:
                faults.append(f"--param {name}: {redact(value)!r} is refused; accepted: {error}")
    named = {text.partition("=")[0] for text in given}
    for name, parameter in known.items():
        if name not in named and not parameter.HasField("default_value") and not parameter.is_optional:
            faults.append(f"the parameter {name} has no default: give --param {name}=VALUE")
    if faults:
        raise Refused(faults[0] if len(faults) == 1 else "\n  ".join(["run-time parameters:", *faults]))
    return values


def refuse_secrets(given: Sequence[str]) -> None:
    """Refuses run-time parameters that hold secrets: the server stores them and shows them.

    Raises:
      Refused: Naming the parameters, and where secrets belong.
    """
    values = {f"--param {name}": _plain(value) for name, _, value in (text.partition("=") for text in given)}
    if said := refusal(values):
        raise Refused(f"run-time parameters are stored with the run:\n{said}")


def _plain(value: str) -> Any:
    """What a value says as JSON or YAML, so that names of variables in it are seen as such."""
    try:
        return yaml.load(value, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return value


def _unknown(name: str, known: Sequence[str], package: Package) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    listed = ", ".join(known) or "none"
    return f"--param {name}: {package.source} has no such parameter{hint} (known: {listed})"


def _value(parameter: Any, text: str) -> Any:
    """A value of the parameter's type.

    Raises:
      ValueError: With what is accepted.
    """
    value = _of_kind(parameter.parameter_type, text)
    literals = [json_format.MessageToDict(literal) for literal in parameter.literals]
    if literals and value not in literals:
        raise ValueError("one of " + ", ".join(json.dumps(literal) for literal in literals))
    return value


def _of_kind(kind: int, text: str) -> Any:
    if kind not in _ACCEPTED:
        return text
    if kind == _Kind.BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise ValueError(_ACCEPTED[kind])
        return text.lower() == "true"
    types = {_Kind.NUMBER_INTEGER: int, _Kind.NUMBER_DOUBLE: float, _Kind.LIST: list, _Kind.STRUCT: dict}
    wanted = types[kind]
    try:
        value = wanted(text) if wanted in (int, float) else json.loads(text)
    except ValueError:
        raise ValueError(_ACCEPTED[kind]) from None
    if not isinstance(value, wanted) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(_ACCEPTED[kind])
    return value
