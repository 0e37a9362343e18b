"""Main effects as dots with intervals: one row a value of a hyper-parameter, one column a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.page.chart_scale import ChartScale
from schemas.tensors import VariantInput
from schemas.verdicts import Effect, EffectMetric

WIDTH, HEIGHT, EDGE = 150.0, 18.0, 4.0
METRICS: dict[EffectMetric, str] = {
    "quality": "Quality",
    "latency": "Latency",
    "mega_macs": "Multiply-accumulates",
    "bytes": "Size",
}


@dataclass(frozen=True)
class Dot:
    """An effect in pixels; ``sure``: its interval leaves out 'no effect'."""

    effect: Effect
    x: float
    low: float
    high: float
    none: float
    sure: bool

    @property
    def better(self) -> bool:
        """Whether the effect is towards what one wants: more quality, less of the rest."""
        return (self.effect.effect > 0) if self.effect.metric == "quality" else self.effect.effect < 1


@dataclass(frozen=True)
class Row:
    """A value of a hyper-parameter and what it does to each metric that an effect is known of."""

    factor: str
    level: str
    against: str
    students: int
    points: int
    confounded: list[str]
    dots: dict[EffectMetric, Dot]


@dataclass(frozen=True)
class EffectsChart:
    """The effects on points of one input kind."""

    kind: VariantInput
    rows: list[Row]
    metrics: list[EffectMetric]
    strongest: dict[EffectMetric, Effect]


def effects_charts(effects: Sequence[Effect]) -> list[EffectsChart]:
    """One chart for each input kind that has effects."""
    kinds = dict.fromkeys(effect.input for effect in effects)
    return [_chart(kind, [effect for effect in effects if effect.input == kind]) for kind in kinds]


def is_sure(effect: Effect) -> bool:
    """Whether the interval leaves out 'no effect': 0 of a difference, 1 of a ratio."""
    none = 0.0 if effect.metric == "quality" else 1.0
    return not effect.low <= none <= effect.high


def _chart(kind: VariantInput, effects: Sequence[Effect]) -> EffectsChart:
    dots: dict[tuple[str, str, str], dict[EffectMetric, Dot]] = {}
    about: dict[tuple[str, str, str], Effect] = {}
    strongest: dict[EffectMetric, Effect] = {}
    for metric in METRICS:
        found = [effect for effect in effects if effect.metric == metric and _drawable(effect)]
        if not found:
            continue
        none = 0.0 if metric == "quality" else 1.0
        ends = [end for effect in found for end in (effect.low, effect.effect, effect.high)]
        scale = ChartScale.over([*ends, none], log=metric != "quality")
        for effect in found:
            key = (effect.factor, effect.level, effect.against)
            low, x, high, at = (
                scale.place(value, EDGE, WIDTH - EDGE)
                for value in (effect.low, effect.effect, effect.high, none)
            )
            dots.setdefault(key, {})[metric] = Dot(effect, x, low, high, at, is_sure(effect))
            about.setdefault(key, effect)
        sure = [effect for effect in found if is_sure(effect)]
        if sure:
            strongest[metric] = max(sure, key=_strength)
    rows = [
        Row(
            effect.factor.removeprefix("architecture."),
            effect.level,
            effect.against,
            effect.students,
            effect.points,
            [name.removeprefix("architecture.") for name in effect.confounded],
            dots[key],
        )
        for key, effect in about.items()
    ]
    return EffectsChart(kind, rows, [m for m in METRICS if any(m in row.dots for row in rows)], strongest)


def _drawable(effect: Effect) -> bool:
    ends = (effect.low, effect.effect, effect.high)
    return all(math.isfinite(end) for end in ends) and (effect.metric == "quality" or min(ends) > 0)


def _strength(effect: Effect) -> float:
    return abs(effect.effect) if effect.metric == "quality" else abs(math.log(effect.effect))
