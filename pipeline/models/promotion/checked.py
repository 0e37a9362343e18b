"""What a check of a promotion finds, and how a promotion is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.configuration.config_file import ConfigError

CheckName = Literal["files", "blessed", "goals", "parity", "dominance", "student"]
Waivable = Literal["goals", "dominance"]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
      name: Of the check.
      passed: Whether the version may be promoted, as far as this check sees.
      words: What was found.
    """

    name: CheckName
    passed: bool
    words: str


class Failed(Exception):
    """A check failed, and those that come after it have nothing to go by.

    Attributes:
      checked: What it found.
    """

    def __init__(self, name: CheckName, words: str) -> None:
        super().__init__(words)
        self.checked = Checked(name, False, words)


class Refused(ConfigError):
    """The champion stays as it is; the message names each check that failed, or who was first."""


def refuse_failed(checks: Sequence[Checked], waived: Sequence[Waivable], what: str) -> list[str]:
    """Refuses if any check failed that was not waived.

    Args:
      checks: What they found.
      waived: Names of checks that may fail.
      what: Is refused, in words.

    Returns:
      The checks that failed and were waived.

    Raises:
      Refused: Naming each check that failed.
    """
    failed = [check for check in checks if not check.passed and check.name not in waived]
    if failed:
        reasons = "\n".join(f"  {check.name}: {check.words}" for check in failed)
        raise Refused(f"{what}:\n{reasons}")
    return [check.name for check in checks if not check.passed]
