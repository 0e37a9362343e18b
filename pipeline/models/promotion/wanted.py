"""What is wanted of a promotion, what is asked before it, and who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.models.promotion.checked import Checked, Waivable
from pipeline.models.promotion.policy import Policy
from pipeline.models.promotion.table import Row


@dataclass(frozen=True)
class Proposal:
    """What is asked before the champion changes.

    Attributes:
      name: Of the registered model.
      champion: The present one; empty: none.
      version: To become champion.
      policy: That it was checked by.
      judged_by: The policy of its run; None: it cannot be read.
      checks: What they found.
      waived: Those that failed and were waived, and what the run's policy demands and this one does not.
      rows: Both, figure by figure.
    """

    name: str
    champion: str
    version: str
    policy: Policy
    judged_by: Policy | None
    checks: list[Checked]
    waived: list[str]
    rows: list[Row]


class Person(Protocol):
    """Who wants the champion to change."""

    def tell(self, words: str) -> None:
        """Takes what was found amiss with ledger and aliases."""

    def agrees(self, proposal: Proposal) -> bool:
        """Sees everything; whether to go on."""


@dataclass(frozen=True)
class Promotion:
    """What is wanted.

    Attributes:
      name: Of the registered model.
      version: Its number, or ``@alias``.
      config: Today's policy: a YAML file or the name of a ready configuration; empty: that of the run.
      overrides: ``key.path=value`` strings.
      why: For the ledger.
      waive: Checks that may fail.
    """

    name: str
    version: str
    config: str = ""
    overrides: Sequence[str] = ()
    why: str = ""
    waive: Sequence[Waivable] = ()

    @property
    def address(self) -> str:
        """The version as :func:`pipeline.models.registry.versions.find_version` understands it."""
        return f"{self.name}{self.version}" if self.version.startswith("@") else f"{self.name}/{self.version}"
