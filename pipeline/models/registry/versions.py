"""Registered versions by the names that people give them."""

from __future__ import annotations

from typing import Any

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
    from mlflow.exceptions import MlflowException

    name, version, alias = split_name(text)
    if not version and not alias:
        raise ConfigError(f"{text!r} names no version; {_FORMS}")
    try:
        found = (
            client.get_model_version(name, version)
            if version
            else client.get_model_version_by_alias(name, alias)
        )
        # By its number again: what is found by an alias does not tell its other aliases.
        return client.get_model_version(name, str(found.version))
    except MlflowException as error:
        if not _is_absent(error):
            raise
    find_model(client, name)
    there = ", ".join(f"v{one.version}{_in_brackets(one.aliases)}" for one in versions_of(client, name))
    wanted = f"version {version}" if version else f"alias {alias!r}"
    raise ConfigError(f"{name} has no {wanted}; there are {there or 'no versions yet'}")


def find_model(client: Any, name: str) -> Any:
    """MLflow's ``RegisteredModel`` of a name.

    Raises:
      ConfigError: If there is none; it lists those there are.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if not _is_absent(error):
            raise
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


def versions_of(client: Any, name: str) -> list[Any]:
    """All versions of a registered model with their aliases, the newest first."""
    aliases = client.get_registered_model(name).aliases
    versions = client.search_model_versions(f"name = '{name}'", max_results=10_000)
    for version in versions:
        version.aliases = sorted(alias for alias, at in aliases.items() if str(at) == str(version.version))
    return sorted(versions, key=lambda version: -int(version.version))


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
    raise ConfigError(f"{text!r} is no registered version; {_FORMS}")


def _is_absent(error: Any) -> bool:
    # A bad name or alias is refused, an unknown one is absent: to a person both are not there.
    return error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


def _in_brackets(aliases: list[str]) -> str:
    return f" ({', '.join(aliases)})" if aliases else ""
