"""Registered versions by the names that people give them."""

from __future__ import annotations

from typing import Any

from components.common.tracking.faults import unless_absent
from components.common.tracking.registered import versions_of
from pipeline.configuration.config_file import ConfigError

_SCHEME = "models:/"
_FORMS = "accepted: NAME/3, NAME@alias, models:/NAME/3 or models:/NAME@alias"


def find_version(client: Any, text: str) -> Any:
    """The version that a text names: ``NAME/3``, ``NAME@alias``, with or without ``models:/`` before it.

    Args:
      client: MLflow's.
      text: As somebody gave it.

    Returns:
      MLflow's ``ModelVersion``, with its aliases.

    Raises:
      ConfigError: If the text has another form, or names what is not there; it lists what is.
    """
    name, version, alias = split_name(text)
    if not version and not alias:
        raise ConfigError(f"{text!r} names no version; {_FORMS}")
    found = unless_absent(
        lambda: (
            client.get_model_version(name, version)
            if version
            else client.get_model_version_by_alias(name, alias)
        )
    )
    if found is not None:
        # By its number again: what is found by an alias does not tell its other aliases.
        return client.get_model_version(name, str(found.version))
    find_model(client, name)
    there = ", ".join(f"v{one.version}{_in_brackets(one.aliases)}" for one in versions_of(client, name))
    wanted = f"version {version}" if version else f"alias {alias!r}"
    raise ConfigError(f"{name} has no {wanted}; there are {there or 'no versions yet'}")


def find_model(client: Any, name: str) -> Any:
    """MLflow's ``RegisteredModel`` of a name.

    Raises:
      ConfigError: If there is none; it lists those there are.
    """
    if model := unless_absent(lambda: client.get_registered_model(name)):
        return model
    there = ", ".join(model.name for model in models(client))
    raise ConfigError(f"there is no registered model {name!r}; there are {there or 'none yet'}")


def models(client: Any) -> list[Any]:
    """All registered models, by name."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_registered_models(max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda model: model.name)


def split_name(text: str) -> tuple[str, str, str]:
    """Name, version and alias of a text; of the last two at most one is not empty.

    Raises:
      ConfigError: If the text has another form.
    """
    bare = text.removeprefix(_SCHEME).strip("/")
    name, at, alias = bare.partition("@")
    if at:
        if name and alias and "/" not in bare:
            return name, "", alias
    else:
        name, slash, version = bare.partition("/")
        if name and (not slash or version.isdecimal()):
            return name, version, ""
    raise ConfigError(f"{text!r} is not a registered version; {_FORMS}")


def tagged_versions(client: Any, tag: str, value: str) -> list[Any]:
    """All versions, of whatever model, that have a tag of this value, with their aliases."""
    found = client.search_model_versions(f"tags.`{tag}` = '{value}'", max_results=10_000)
    # Asked by number again: a search does not tell aliases.
    return [client.get_model_version(one.name, str(one.version)) for one in found]


def _in_brackets(aliases: list[str]) -> str:
    return f" ({', '.join(aliases)})" if aliases else ""
