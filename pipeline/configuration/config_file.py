"""Reading a configuration: YAML, overrides, and errors that say where and what would do.

Every key's place is named as in ``training.learning_rate``; the same form sets it on the command line.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.configuration.config import RunConfig
from schemas.bounded import bounded, bounded_text
from schemas.secrets import redact, refusal
from schemas.strict_yaml import YamlError, parse_yaml, read_yaml

_Part = typing.TypeVar("_Part", bound=BaseModel)

_MOST_FAULTS = 20
_LONGEST_KEY = 500
_LONGEST_MESSAGE = 4000

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


class ConfigError(ValueError):
    """A configuration that cannot run; the message lists every fault, one a line."""


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads, overrides and validates a configuration.

    Args:
      source: A YAML file, or the name of a ready configuration such as ``demo``.
      overrides: ``key.path=value`` strings; the value is YAML.

    Raises:
      ConfigError: If the file is missing or is not YAML mapping, or any key or value is refused.
    """
    path = _find(source)
    data = read_mapping(path)
    for override in overrides:
        _apply(data, override)
    return validate(data, str(path))


def load_part(part: type[_Part], source: str | Path, overrides: Sequence[str] = ()) -> _Part:
    """Reads those settings of a configuration that a part of it has.

    Args:
      part: Its keys are keys of a run's configuration.
      source: As for :func:`load_config`; empty: what is not overridden has its default.
      overrides: ``key.path=value`` strings; the value is YAML.

    Raises:
      ConfigError: As :func:`load_config` does.
    """
    path = _find(source) if source else None
    given = read_mapping(path) if path else {}
    data = {key: value for key, value in given.items() if key in part.model_fields}
    for override in overrides:
        _apply(data, override)
    return _validated(part, data, str(path or "--set"))


def read_mapping(path: Path) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping.

    Raises:
      ConfigError: If it holds something else, or a key twice.
    """
    try:
        data = read_yaml(path)
    except YamlError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of settings, not {type(data).__name__}")
    refuse_secrets(data, str(path))
    return data


def validate(data: dict[str, Any], source: str) -> RunConfig:
    """Turns a mapping into a configuration.

    Raises:
      ConfigError: Listing each fault with its place, its value, what is accepted and, for an unknown
        key, the nearest known one.
    """
    return _validated(RunConfig, data, source)


def _validated(kind: type[_Part], data: dict[str, Any], source: str) -> _Part:
    refuse_secrets(data, source)
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        faults = [f"  {fault}" for fault in describe_faults(error, kind)]
        raise ConfigError("\n".join([f"{source} is refused:", *faults])) from None


def refuse_secrets(data: Any, source: str) -> None:
    """Refuses what holds a password, a key or a token: it would be stored and shown.

    Raises:
      ConfigError: Naming each place, never the secret, and where secrets belong.
    """
    if said := refusal(data):
        raise ConfigError(f"{redact(source)} is refused:\n{said}")


def describe_faults(error: ValidationError, kind: Any) -> list[str]:
    """What pydantic found, in words: place, value and what is accepted.

    Args:
      error: Of validating ``kind``.
      kind: A model, or a union of some.
    """
    faults = [redact(_describe(fault, kind)) for fault in error.errors(include_url=False)[:_MOST_FAULTS]]
    if error.error_count() > _MOST_FAULTS:
        faults.append(f"and {error.error_count() - _MOST_FAULTS} faults more")
    return list(dict.fromkeys(faults))


def dump(config: RunConfig) -> str:
    """The configuration as YAML, complete with defaults."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def _find(source: str | Path) -> Path:
    ready = sorted(file.stem for file in CONFIGS.glob("*.yaml"))
    path = Path(source)
    try:
        # Anything but a folder may be read: a configuration may come through a pipe.
        if path.exists() and not path.is_dir():
            return path
    except OSError as error:
        raise ConfigError(f"no configuration {bounded(str(source))}: {error.strerror}") from error
    if str(source) in ready:
        return CONFIGS / f"{source}.yaml"
    raise ConfigError(
        f"no configuration {bounded(str(source))}: give a YAML file or one of {', '.join(ready)}"
    )


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {bounded(override)} must have the form key.path=value")
    if len(key) > _LONGEST_KEY:
        raise ConfigError(
            f"--set {bounded(key)}: longer than {_LONGEST_KEY} characters, so no key of a setting"
        )
    *parents, last = key.strip().split(".")
    key = redact(key)
    node: Any = data
    for depth, part in enumerate(parents):
        if isinstance(node, list):
            node = node[_index(part, node, key)]
            continue
        node = node.setdefault(part, {})
        if node is None or not isinstance(node, (dict, list)):
            place = ".".join(parents[: depth + 1])
            raise ConfigError(f"--set {key}: {place} is {bounded(node)} and has no keys below it")
    try:
        parsed = parse_yaml(value, f"--set {key}")
    except YamlError as error:
        raise ConfigError(redact(error)) from None
    refuse_secrets({last: parsed}, f"--set {key}")
    if isinstance(node, list):
        node[_index(last, node, key)] = parsed
    else:
        node[last] = parsed


def _index(part: str, node: list[Any], key: str) -> int:
    if part.isdigit() and int(part) < len(node):
        return int(part)
    raise ConfigError(f"--set {key}: {part!r} must be an index from 0 to {len(node) - 1}")


def _describe(fault: Any, kind: Any) -> str:
    parts, found = _follow(fault["loc"], kind)
    place = bounded_text(".".join(parts)) or "the configuration"
    if fault["type"] in ("union_tag_invalid", "union_tag_not_found"):
        key = fault["ctx"]["discriminator"].strip("'")
        accepted = _values_of(found, key)
        words = ", ".join(map(repr, accepted))
        if fault["type"] == "union_tag_not_found":
            return f"{place}: {key} is required; accepted: {words}"
        tag = bounded_text(str(fault["ctx"]["tag"]))
        near = difflib.get_close_matches(tag[:_LONGEST_KEY], accepted, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{place}: {key} {tag!r} is refused: accepted: {words}{hint}"
    if fault["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return f"{place}: {bounded(fault['input'])} is refused: accepted: a mapping, as in 'key: value'"
    if fault["type"] == "extra_forbidden":
        _, owner = _follow(fault["loc"][:-1], kind)
        known = sorted({key for model in _models_of(owner) for key in model.model_fields})
        near = difflib.get_close_matches(str(fault["loc"][-1])[:_LONGEST_KEY], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{place}: unknown key{hint} (known here: {', '.join(sorted(known))})"
    if fault["type"] == "missing":
        return f"{place}: is required"
    # Of several lines, where a check tells all that it found.
    message = fault["msg"].removeprefix("Value error, ")[:_LONGEST_MESSAGE]
    if isinstance(fault["input"], (dict, BaseModel)):
        return f"{place}: {message}"
    return f"{place}: {bounded(fault['input'])} is refused: {message}"


def _follow(path: Iterable[Any], kind: Any) -> tuple[list[str], Any]:
    """The keys of a place, as a person writes them, and the type of what stands there.

    pydantic puts more into a place: of several models that may stand there the one it took, by its tag.
    """
    parts: list[str] = []
    found = kind
    for part in path:
        options = [one for one in _options(found) if one is not types.NoneType]
        tagged = [one for one in options if part in _tags(one)]
        if len(options) > 1 and tagged:
            found = tagged[0]
            continue
        parts.append(str(part))
        below = (_below(one, part) for one in options)
        found = typing.Union[tuple(one for one in below if one is not None) or (typing.Any,)]  # noqa: UP007
    return parts, found


def _options(annotation: Any) -> list[Any]:
    """The members of a union; of another type itself."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [one for part in typing.get_args(annotation) for one in _options(part)]
    return [annotation]


def _below(annotation: Any, part: Any) -> Any:
    """Type of an entry of a model or a container; none if there is no such entry."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(part) if isinstance(part, str) else None
        chosen_late = [one.choices() for one in field.metadata if hasattr(one, "choices")] if field else []
        return chosen_late[0] if chosen_late else field.annotation if field else None
    arguments = [one for one in typing.get_args(annotation) if one is not ...]
    if typing.get_origin(annotation) is dict:
        return arguments[1]
    if typing.get_origin(annotation) in (list, tuple) and arguments and isinstance(part, int):
        return arguments[min(part, len(arguments) - 1)]
    return None


def _tags(model: Any) -> list[Any]:
    """By what a model is chosen where several may stand."""
    fields = getattr(model, "model_fields", {})
    return [fields[key].default for key in ("name", "kind", "backend") if key in fields]


def _values_of(union: Any, key: str) -> list[str]:
    """What may stand under the key by which a model is chosen."""
    fields = (model.model_fields[key] for model in _models_of(union) if key in model.model_fields)
    return [str(field.default) for field in fields]


def _models_of(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (list, dict, tuple, typing.Union, types.UnionType, typing.Annotated):
        return [model for part in typing.get_args(annotation) for model in _models_of(part)]
    return []
