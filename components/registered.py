"""What the MLflow registry holds: the standings of registered versions, to compete with again."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.verdicts import Standing


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
    """
    raise NotImplementedError
