"""Scales of the page's charts: from figures to pixels, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

PADDING = 0.06
TICKS = 5
FEWEST_TICKS = 3


@dataclass(frozen=True)
class ChartScale:
    """Maps figures to shares of an axis's length, linearly or by logarithm."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], *, log: bool = False) -> Self:
        """A scale over all values with some room at both ends."""
        low, high = min(values), max(values)
        if log:
            room = max((high / low) ** PADDING, 1 + PADDING)
            return cls(low / room, high * room, log=True)
        room = (high - low) * PADDING or max(abs(high), 1e-3) * PADDING
        return cls(low - room, high + room)

    def share(self, value: float) -> float:
        """Where a figure stands, 0 at the low end and 1 at the high one."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)

    def place(self, value: float, start: float, end: float) -> float:
        """Pixel of a figure on an axis that goes from ``start`` to ``end``."""
        return round(start + self.share(value) * (end - start), 1)

    def holds(self, value: float) -> bool:
        """Whether a figure stands inside the scale."""
        return self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Round figures inside the scale."""
        if self.log:
            for steps in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
                found = self._decades(steps)
                if len(found) >= FEWEST_TICKS:
                    return found
        raw = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw)
        first = math.ceil(self.low / step)
        return self._inside([i * step for i in range(first, math.floor(self.high / step) + 1)])

    def _decades(self, steps: Sequence[float]) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return self._inside([step * 10.0**decade for decade in decades for step in steps])

    def _inside(self, ticks: Sequence[float]) -> list[float]:
        return [round(tick, 10) for tick in ticks if self.holds(tick)]
