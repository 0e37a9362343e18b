"""From profiled runs to the time of each operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas.latency_reports import OperatorTime

SHORTEST_US = 1.0


def operator_times(profiled: Sequence[Mapping[str, Any]]) -> list[OperatorTime]:
    """The operators of a profile, dearest first.

    An operator's time is the mean over the middle half of its runs: a run that the system interrupted would
    else make any operator the dearest. XNNPACK cuts off fractions of a microsecond, so a count from 1 is
    read as the middle of what it stands for; its error is then half a microsecond either way. What takes
    less than a microsecond is put together by kind. The shares are of the sum.

    Args:
      profiled: Each operator with ``operator``, ``name``, ``delegated`` and ``elapsed_us`` of each run, in
        the order of execution.
    """
    times = [middle_mean(_counted(one["elapsed_us"], one["delegated"])) for one in profiled]
    total = sum(times) or 1.0
    found: list[OperatorTime] = []
    short: dict[str, list[float]] = {}
    for place, (one, time_us) in enumerate(zip(profiled, times, strict=True)):
        if time_us < SHORTEST_US:
            short.setdefault(one["operator"], []).append(time_us)
            continue
        # The converter strings the names of all that it fused into one; the first is the result's.
        name = f"XNNPACK, operator {place}" if one["delegated"] else one["name"].split(";")[0]
        found.append(
            OperatorTime(name=name, operator=one["operator"], mean_us=time_us, share=time_us / total)
        )
    for operator, us in short.items():
        found.append(
            OperatorTime(
                name="each below 1 us",
                operator=operator,
                count=len(us),
                mean_us=sum(us),
                share=sum(us) / total,
            )
        )
    return sorted(found, key=lambda one: -one.mean_us)


def middle_mean(values: Sequence[float]) -> float:
    """Mean of the middle half of the values (the interquartile mean); of fewer than four, of all."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    quarter = len(ordered) // 4
    return float(ordered[quarter : len(ordered) - quarter].mean())


def _counted(elapsed_us: Sequence[int], cut_off: bool) -> list[float]:
    return [count + 0.5 if cut_off and count else float(count) for count in elapsed_us]
