"""What the MLflow registry holds: the standings of registered versions, to compete with again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from pydantic import ValidationError

from components.tracking.stores import is_server, quieten_mlflow, sqlite_file, without_credentials
from schemas.verdicts import Standing

# MLflow itself tries a silent server for minutes.
_ANSWER_SECONDS = 15

logger = logging.getLogger("tinytrill.registered")


class RegistryError(RuntimeError):
    """The registry could not be read; the message names it, without credentials."""


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model, with what was measured of it on one device.

    Attributes:
      registered_model: Name in the registry.
      version: Its number.
      aliases: As in 'champion'.
      standing: The gate's figures of it.
    """

    registered_model: str
    version: str
    aliases: tuple[str, ...]
    standing: Standing


def registered_versions(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
    """All versions that have a standing, one entry a device, newest version first.

    A local store that is not there yet holds none and is not made.

    Args:
      tracking_uri: MLflow's store or server; empty: there is no registry.
      registered_model: Name of the registered model; one that is not there has no versions.

    Raises:
      RegistryError: If the store cannot be read or the server does not answer.
    """
    file = sqlite_file(tracking_uri)
    if not tracking_uri or not registered_model or (file and not file.is_file()):
        return []
    shown = without_credentials(tracking_uri)
    if is_server(tracking_uri):
        _ask(shown)
    quieten_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        if not client.search_registered_models(f"name = '{registered_model}'", max_results=1):
            return []
        aliases = client.get_registered_model(registered_model).aliases
        versions = client.search_model_versions(f"name = '{registered_model}'", max_results=10_000)
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).replace(tracking_uri, shown)
        raise RegistryError(f"the MLflow registry {shown} cannot be read: {reason}") from None
    return [
        RegisteredVersion(registered_model, str(version.version), _of(version, aliases), standing)
        for version in sorted(versions, key=lambda version: -int(version.version))
        for standing in _standings(version)
    ]


def _of(version: Any, aliases: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(alias for alias, named in aliases.items() if str(named) == str(version.version)))


def _standings(version: Any) -> Iterable[Standing]:
    """A tag that does not parse, as of another release, is left out: its figures are not known."""
    for tag, value in sorted(version.tags.items()):
        if tag.startswith(Standing.TAG):
            try:
                yield Standing.model_validate_json(value)
            except ValidationError as error:
                logger.warning(
                    "%s v%s does not compete: its tag %s cannot be read (%d faults, the first: %s)",
                    *(version.name, version.version, tag, error.error_count(), error.errors()[0]["msg"]),
                )


def _ask(server: str) -> None:
    """Whether a server is there at all; what it then refuses, MLflow tells."""
    try:
        with urlopen(f"{server.rstrip('/')}/health", timeout=_ANSWER_SECONDS):
            pass
    except HTTPError:
        pass
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise RegistryError(f"the MLflow registry {server} does not answer: {reason}") from None
