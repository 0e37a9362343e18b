"""Settings of the search."""

from __future__ import annotations

from pydantic import Field

from schemas.devices import Budget
from schemas.settings import Settings


class SearchSettings(Settings):
    """How much of the grid is trained, and how that is found out.

    Every network of the grid is trained shortly, its students are judged by closed-form maps on its features,
    and what promises the best frontier for the budget is trained: networks in full, their other students from
    the trained network.
    """

    budget: float = Field(
        gt=0,
        le=1,
        description="What may be spent: a share of the multiply-accumulates that training every candidate in "
        "full and from scratch would take.",
    )
    short_epochs: int = Field(
        1, ge=1, description="Passes of the short training that each network begins with."
    )
    audit: bool = Field(
        True,
        description="Train one candidate that was not chosen, drawn by the run's seed, to see whether the "
        "choice can be trusted.",
    )


class DeviceBudgets(Settings):
    """What the devices of a run allow the files that are made of each student."""

    by_device: dict[str, tuple[Budget, ...]] = Field(
        default_factory=dict, description="All devices by name, those without budgets too."
    )
    variants: tuple[str, ...] = Field((), description="Files that are made of each student.")

    @property
    def unlimited(self) -> list[str]:
        """Devices without budgets: while there is one, nothing can be ruled out."""
        return [name for name, budgets in self.by_device.items() if not budgets]

    @property
    def of_time(self) -> list[str]:
        """Devices whose budgets only a clock decides on."""
        return [name for name, budgets in self.by_device.items() if any(budget.of_time for budget in budgets)]
