"""Values that a person gives when a compiled pipeline is started, and how they reach a task's parameters.

Places are compiled as marks such as ``/{data_root}/audioset``; in the container each mark becomes the value.
A teacher or a device is replaced as a whole. A task is given only the values it needs, since Kubeflow's cache
compares what a task is given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from components.common.tracking.stores import TRACKING_URI, keep_credentials_aside
from pipeline.configuration.devices import resolve_devices
from schemas.devices import Device
from schemas.secrets import redact, refusal
from schemas.strict_yaml import yaml_fault
from schemas.teachers import TeacherSpec, resolve_paths

IMAGE = "image"
DATA_ROOT = "data_root"
TEACHER_ROOT = "teacher_root"
TEACHER = "teacher"
MLFLOW_URI = "mlflow_uri"
_DEVICE = "device_"
# As the Kubeflow SDK names a component's inputs that come from the pipeline's own parameters.
CHANNEL = "pipelinechannel--"

MARKS = {DATA_ROOT: "/{data_root}", TEACHER_ROOT: "/{teacher_root}", MLFLOW_URI: "{mlflow_uri}"}

_SETTINGS, _CONFIG, _TEACHER_SPEC = "settings", "config_json", "teacher_spec"
_Part = TypeVar("_Part")


class RunValueError(ValueError):
    """A run-time parameter that cannot be used."""


def device_parameter(name: str) -> str:
    """The run-time parameter that replaces a device."""
    return f"{_DEVICE}{name}"


def needed(properties: Mapping[str, Any], devices: Iterable[str]) -> list[str]:
    """Names of the run-time parameters that a task's execution parameters depend on, in order.

    Args:
      properties: The task's execution parameters, with marks.
      devices: Names of the run's devices.
    """
    texts = [value for value in properties.values() if isinstance(value, str)]
    names = [name for name, mark in MARKS.items() if any(mark in text for text in texts)]
    settings = _json(properties.get(_SETTINGS))
    if _replaces_teacher(properties, settings):
        names += [TEACHER_ROOT, TEACHER]
    replaced = [device_parameter(name) for name in devices if _replaces_device(name, properties, settings)]
    if replaced:
        names += [DATA_ROOT, *replaced]
    return list(dict.fromkeys(names))


def apply(properties: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """A task's execution parameters with the run's values in them.

    Args:
      properties: As compiled.
      values: By name; an empty one leaves what was compiled, but for an empty ``mlflow_uri``, which is the
        container's own MLFLOW_TRACKING_URI.

    Raises:
      RunValueError: If a value is refused, or a mark has no value.
    """
    given = dict(values)
    if MLFLOW_URI in given:
        given[MLFLOW_URI] = _tracking_uri(given[MLFLOW_URI])
    filled = {name: _fill(value, given) for name, value in properties.items()}
    if text := given.get(TEACHER):
        _replace_teacher(filled, resolve_paths(parse_teacher(text), given.get(TEACHER_ROOT, "")))
    for parameter, text in given.items():
        if parameter.startswith(_DEVICE) and text:
            name = parameter.removeprefix(_DEVICE)
            devices = resolve_devices({name: parse_device(parameter, text)}, given.get(DATA_ROOT, ""))
            _replace_device(filled, name, devices[name])
    return filled


def parse_teacher(text: str) -> TeacherSpec:
    """Reads the value of ``teacher``: JSON or YAML.

    Raises:
      RunValueError: With each fault.
    """
    return _parse(TypeAdapter(TeacherSpec).validate_python, TEACHER, text)


def parse_device(parameter: str, text: str) -> Device:
    """Reads the value of a device's parameter: JSON or YAML.

    Raises:
      RunValueError: With each fault.
    """
    return _parse(TypeAdapter(Device).validate_python, parameter, text)


def _parse(validate: Callable[[Any], _Part], parameter: str, text: str) -> _Part:
    try:
        given = yaml.safe_load(text)
        if said := refusal(given):
            raise RunValueError(f"parameter {parameter} is refused:\n{said}")
        return validate(given)
    except yaml.YAMLError as error:
        raise RunValueError(f"parameter {parameter}: neither JSON nor YAML: {yaml_fault(error)}") from None
    except ValidationError as error:
        faults = redact("; ".join(map(_fault, error.errors())))
        raise RunValueError(f"parameter {parameter}: {faults}") from None


def _fault(told: Mapping[str, Any]) -> str:
    place = ".".join(map(str, told["loc"])) or "the whole"
    value = "" if isinstance(told["input"], dict) else f"{told['input']!r} is refused: "
    return f"{place}: {value}{told['msg'].removeprefix('Value error, ')}"


def _tracking_uri(given: str) -> str:
    uri = given or os.environ.get(TRACKING_URI, "")
    if not uri:
        raise RunValueError(
            f"no MLflow store: parameter {MLFLOW_URI} is empty and {TRACKING_URI} is not set in the "
            "container; accepted: an address such as http://mlflow:5000 in either"
        )
    return keep_credentials_aside(uri)


def _fill(value: Any, given: Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    for name, mark in MARKS.items():
        if mark not in value:
            continue
        if not given.get(name):
            raise RunValueError(f"parameter {name} has no value, but a place starts at it")
        text = given[name] if name == MLFLOW_URI else given[name].rstrip("/") or "/"
        # Within JSON the value must be written as JSON writes it.
        value = value.replace(mark, json.dumps(text)[1:-1] if _json(value) is not None else text)
    return value


def _replaces_teacher(properties: Mapping[str, Any], settings: Any) -> bool:
    return (
        (isinstance(settings, dict) and TEACHER in settings)
        or properties.get("evaluates") == TEACHER
        or _CONFIG in properties
    )


def _replace_teacher(properties: dict[str, Any], teacher: TeacherSpec) -> None:
    plain = teacher.model_dump(mode="json")
    settings = _json(properties.get(_SETTINGS))
    if isinstance(settings, dict) and TEACHER in settings:
        properties[_SETTINGS] = _text({**settings, TEACHER: plain})
    if properties.get("evaluates") == TEACHER:
        properties[_TEACHER_SPEC] = teacher.to_parameter()
    if _CONFIG in properties:
        config = json.loads(properties[_CONFIG])
        config["distillation"][TEACHER] = plain
        properties[_CONFIG] = _text(config)


def _replaces_device(name: str, properties: Mapping[str, Any], settings: Any) -> bool:
    return (
        ("device" in properties and properties.get("name") == name)
        or _CONFIG in properties
        or (isinstance(settings, dict) and "budgets" in settings)
    )


def _replace_device(properties: dict[str, Any], name: str, device: Device) -> None:
    plain = device.model_dump(mode="json")

    def judged(budgets: Mapping[str, Any]) -> dict[str, Any]:
        """The gate's budgets by device: one without any is not among them."""
        others = {one: kept for one, kept in budgets.items() if one != name}
        return others | ({name: plain["budgets"]} if plain["budgets"] else {})

    if "device" in properties and properties.get("name") == name:
        # Budgets are the gate's: another one must not have everything timed again.
        properties["device"] = device.model_copy(update={"budgets": ()}).to_parameter()
    settings = _json(properties.get(_SETTINGS))
    if isinstance(settings, dict) and "budgets" in settings:
        properties[_SETTINGS] = _text({**settings, "budgets": judged(settings["budgets"])})
    if _CONFIG in properties:
        config = json.loads(properties[_CONFIG])
        config["latency"]["devices"][name] = plain
        properties[_CONFIG] = _text(config)


def _json(value: Any) -> Any:
    """What a JSON object or list says; None for anything else."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
