"""What the MLflow registry holds: the standings of registered versions, to compete with again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from components.tracking.faults import telling
from components.tracking.stores import open_client, sqlite_file
from schemas.verdicts import Standing

logger = logging.getLogger("tinytrill.registered")


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model, with what was measured of it on its device.

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
    """All versions that have a standing, newest version first.

    A local store that is not there yet holds none and is not made.

    Args:
      tracking_uri: MLflow's store or server; empty: there is no registry.
      registered_model: Name of the registered model; one that is not there has no versions.

    Raises:
      TrackingFault: If the store cannot be read or the server does not answer.
    """
    file = sqlite_file(tracking_uri)
    if not tracking_uri or not registered_model or (file and not file.is_file()):
        return []
    client = open_client(tracking_uri)
    with telling(tracking_uri):
        if not client.search_registered_models(f"name = '{registered_model}'", max_results=1):
            return []
        aliases = client.get_registered_model(registered_model).aliases
        versions = client.search_model_versions(f"name = '{registered_model}'", max_results=10_000)
    return [
        RegisteredVersion(registered_model, str(version.version), _of(version, aliases), standing)
        for version in sorted(versions, key=lambda version: -int(version.version))
        if (standing := _standing(version)) is not None
    ]


def _of(version: Any, aliases: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(alias for alias, named in aliases.items() if str(named) == str(version.version)))


def _standing(version: Any) -> Standing | None:
    """A tag that does not parse, as of another release, is left out: its figures are not known."""
    if Standing.TAG not in version.tags:
        return None
    try:
        return Standing.model_validate_json(version.tags[Standing.TAG])
    except ValidationError as error:
        logger.warning(
            "%s v%s does not compete: its tag %s cannot be read (%d faults, the first: %s)",
            *(version.name, version.version, Standing.TAG, error.error_count(), error.errors()[0]["msg"]),
        )
        return None
