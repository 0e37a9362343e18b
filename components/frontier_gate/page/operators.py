"""Where the time of a model goes, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.latency_reports import LatencyMeasurement, OperatorTime

MOST_KINDS = 5
DEAREST = 10
REST = "others"


@dataclass(frozen=True)
class Profile:
    """One model's operators.

    Attributes:
      point_id: The model.
      parts: Share of each kind of operator, in the same order for all models: a bar.
      dearest: The operators that cost most.
      count: Operators in all.
    """

    point_id: str
    parts: list[tuple[str, float]]
    dearest: list[OperatorTime]
    count: int


def profiles(measured: Sequence[LatencyMeasurement]) -> tuple[list[str], list[Profile]]:
    """The kinds of operators that cost most over all models, and each model's bar of them."""
    measured = [measurement for measurement in measured if measurement.operators]
    total: dict[str, float] = {}
    for measurement in measured:
        for operator in measurement.operators:
            total[operator.operator] = total.get(operator.operator, 0.0) + operator.share
    kinds = sorted(total, key=lambda kind: -total[kind])
    named = kinds if len(kinds) <= MOST_KINDS + 1 else [*kinds[:MOST_KINDS], REST]
    found = []
    for measurement in measured:
        shares = dict.fromkeys(named, 0.0)
        for operator in measurement.operators:
            shares[operator.operator if operator.operator in shares else REST] += operator.share
        found.append(
            Profile(
                measurement.key,
                list(shares.items()),
                measurement.operators[:DEAREST],
                len(measurement.operators),
            )
        )
    return named, found
