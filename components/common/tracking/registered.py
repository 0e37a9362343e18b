"""What the MLflow registry holds: the standings of registered versions, to compete with again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from components.common.tracking.faults import telling
from components.common.tracking.names import CHAMPION_ALIAS, HEAD_ON_TAG
from components.common.tracking.stores import open_client, sqlite_file
from schemas.settings import first_fault
from schemas.verdicts import Standing

logger = logging.getLogger("tinytrill.registered")


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model, with what was measured of it on its device.

    Attributes:
      registered_model: Name in the registry.
      version: Its number.
      aliases: As in 'champion'.
      standing: The gate's figures of it; None: they are unknown.
      fault: Why they are unknown; empty if they are.
    """

    registered_model: str
    version: str
    aliases: tuple[str, ...]
    standing: Standing | None
    fault: str = ""

    @property
    def name(self) -> str:
        """As in 'tinytrill-host v3 (champion)'."""
        number = f" v{self.version}" if self.version else ""
        return f"{self.registered_model}{number}" + (f" ({', '.join(self.aliases)})" if self.aliases else "")


def is_head(version: Any) -> bool:
    """Whether a version, MLflow's, is a classifier on a student, and not a student."""
    return HEAD_ON_TAG in version.tags


def unknown_champion(registered_model: str, fault: str, version: str = "") -> RegisteredVersion:
    """A champion of which there are no figures: it is not there to be compared with, but not absent either.

    Args:
      registered_model: Name in the registry.
      fault: Why nothing is known of it.
      version: Its number; empty: not even that is known.
    """
    return RegisteredVersion(registered_model, version, (CHAMPION_ALIAS,), None, fault)


def registered_versions(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
    """All versions that have a standing, newest version first; a champion also without one.

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
        champion = str(client.get_registered_model(registered_model).aliases.get(CHAMPION_ALIAS, ""))
        versions = versions_of(client, registered_model)
    found = [with_figures(version) for version in versions]
    for version, one in zip(versions, found, strict=True):
        if one.fault and Standing.TAG in version.tags:
            logger.warning("%s v%s does not compete: %s", registered_model, one.version, one.fault)
    if champion and champion not in {one.version for one in found}:
        found.append(unknown_champion(registered_model, "the alias names a version that is gone", champion))
    return [one for one in found if one.standing or CHAMPION_ALIAS in one.aliases]


def versions_of(client: Any, registered_model: str) -> list[Any]:
    """All versions of a registered model, MLflow's, with their aliases, the newest first."""
    aliases = client.get_registered_model(registered_model).aliases
    versions = client.search_model_versions(f"name = '{registered_model}'", max_results=10_000)
    for version in versions:
        # A search does not tell aliases.
        version.aliases = sorted(alias for alias, at in aliases.items() if str(at) == str(version.version))
    return sorted(versions, key=lambda version: -int(version.version))


def with_figures(version: Any) -> RegisteredVersion:
    """A version, MLflow's with its aliases, with the figures that were kept with it.

    One whose tag does not parse, as of another release, has no figures that are known.
    """
    standing, fault = None, f"it has no tag {Standing.TAG}"
    if Standing.TAG in version.tags:
        try:
            standing, fault = Standing.model_validate_json(version.tags[Standing.TAG]), ""
        except ValidationError as error:
            fault = f"its tag {Standing.TAG} cannot be read: {first_fault(error)}"
    return RegisteredVersion(version.name, str(version.version), tuple(version.aliases), standing, fault)
