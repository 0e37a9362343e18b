"""The policy that a version is checked by: the gate's demands and the converter's floors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from components.common.frontier.settings import GateDemands, GateSettings
from components.latency_benchmark.settings import LatencySettings
from components.tflite_converter.settings import ConverterSettings
from pipeline.configuration.config_file import ConfigError, load_config
from schemas.settings import first_fault


@dataclass(frozen=True)
class Policy:
    """What is demanded.

    Attributes:
      gate: Goals, axes, ties, required tasks and budgets.
      conversion: The parity floors.
      source: Where it comes from, in words.
    """

    gate: GateDemands
    conversion: ConverterSettings
    source: str

    @property
    def sha256(self) -> str:
        """Of all that it demands."""
        floors = {name for name in ConverterSettings.model_fields if name.endswith("_floor")}
        demands = {
            "gate": self.gate.model_dump(mode="json"),
            "conversion": self.conversion.model_dump(mode="json", include=floors),
        }
        return hashlib.sha256(json.dumps(demands, sort_keys=True).encode()).hexdigest()


def policy_of_config(source: str, overrides: Sequence[str], device: str) -> Policy:
    """Today's policy: that of a configuration.

    Args:
      source: A YAML file, or the name of a ready configuration.
      overrides: ``key.path=value`` strings.
      device: Whose budgets must be in it.

    Raises:
      ConfigError: If it is refused, or does not know the device.
    """
    config = load_config(source, overrides)
    if device not in config.latency.devices:
        raise ConfigError(
            f"--config {source}: latency.devices has no {device!r}, so its budgets are unknown; there are "
            f"{', '.join(config.latency.devices)}"
        )
    gate = GateDemands.of(config.gate, config.latency.devices)
    return Policy(gate, config.conversion, f"--config {source}")


def policy_of_run(config_json: str, run_id: str) -> Policy:
    """The policy that a run was judged by: that of the configuration stored with it.

    Raises:
      ConfigError: If there is none, or it is one of another release.
    """
    if not config_json:
        raise ConfigError(
            f"run {run_id} stored no configuration; name with --config which policy holds today"
        )
    where = f"the configuration stored with run {run_id}"
    try:
        stored = json.loads(config_json)
        devices = LatencySettings.model_validate(stored["latency"]).devices
        gate = GateDemands.of(GateSettings.model_validate(stored["gate"]), devices)
        conversion = ConverterSettings.model_validate(stored["conversion"])
    except (ValueError, KeyError, TypeError) as error:
        why = f"no section {error}" if isinstance(error, KeyError) else str(error)
        why = first_fault(error) if isinstance(error, ValidationError) else why
        raise ConfigError(
            f"{where} cannot be read by this release ({why}); name with --config which policy holds today"
        ) from None
    return Policy(gate, conversion, where)
