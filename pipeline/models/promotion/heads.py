"""Heads among what is promoted: they have no goals of their own, but files, a student and parity to check."""

from __future__ import annotations

from typing import Any

from components.common.frontier.settings import GateDemands, GateSettings
from components.tflite_converter.settings import ConverterSettings
from pipeline.configuration.config_file import ConfigError
from pipeline.heads.joined import JoinFailed
from pipeline.heads.registry import check_head
from pipeline.models.promotion.checked import Checked, Failed
from pipeline.models.promotion.policy import Policy
from pipeline.models.registry.files import Tampered


def policy_of_heads() -> Policy:
    """What is demanded of a head: no figures, because no device's budgets are a head's."""
    return Policy(GateDemands.of(GateSettings(), {}), ConverterSettings(), "of heads: files, student, parity")


def examine_head(client: Any, version: Any) -> list[Checked]:
    """The checks of a head, all passed.

    Raises:
      Failed: At the first that did not.
      TrackingFault: If the store does not give what it has.
    """
    try:
        return [Checked(name, True, words) for name, words in check_head(client, version)]
    except Tampered as error:
        raise Failed("files", str(error)) from None
    except ConfigError as error:
        raise Failed("student", str(error)) from None
    except JoinFailed as error:
        raise Failed("parity", str(error)) from None
