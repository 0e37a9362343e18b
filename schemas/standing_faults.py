"""What the figures that are kept with a registered version say that cannot be true.

A registry is open to whoever may write to it, and keeps what earlier releases wrote: nothing read from it
decides before it was asked what a report of this run is asked.
"""

from __future__ import annotations

from schemas import faults
from schemas.latency_faults import machine_faults
from schemas.verdicts import FrontierPoint, Standing


def standing_faults(standing: Standing) -> list[str]:
    """What a standing says of itself that cannot be true; empty if it can."""
    if found := faults.malformed(standing):
        return found
    return machine_faults(standing.machine) + point_faults(standing.point, standing.machine.measures_time)


def point_faults(point: FrontierPoint, timed: bool = True) -> list[str]:
    """What the figures of a point cannot be; empty if they can.

    Args:
      point: The point.
      timed: Whether it was judged on a device that measures time.
    """
    if found := _figures_of_another_device(point, timed):
        return found
    quality = {name: getattr(point, name) for name in ("quality", "quality_low", "quality_high")}
    scores = {f"score on {task}": score for task, score in point.tasks.items()}
    percentiles = {name: getattr(point, name) for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms")}
    times = (
        "latency_ms",
        "latency_low_ms",
        "latency_high_ms",
        "mean_ms",
        "latency_ratio",
        "real_time_factor",
    )
    board = ("arena_kib", "mega_macs")
    positive = {**percentiles, **{name: getattr(point, name) for name in (*times, *board)}}
    cold = ("init_low_ms", "init_ms", "init_high_ms", "peak_low_mib", "peak_mib", "peak_high_mib")
    not_negative = {name: getattr(point, name) for name in cold}
    # Earlier releases kept no intervals of these two.
    ratio = _told_interval(point.latency_ratio_low, point.latency_ratio_high)
    lead = _told_interval(point.teacher_difference_low, point.teacher_difference_high)
    others = {
        "quality_of_teacher": point.quality_of_teacher,
        "teacher_difference": point.teacher_difference,
        **{f"end of the ratio's interval {end}": end for end in ratio or ()},
        **{f"end of the difference's interval {end}": end for end in lead or ()},
        **{f"end of {n}'s interval": end for n, ends in point.latency_intervals_ms.items() for end in ends},
    }
    if found := faults.not_finite({**quality, **scores, **positive, **not_negative, **others}):
        return found
    found = faults.no_shares({**quality, **scores})
    found += faults.not_above_zero({**positive, "bytes": point.bytes, "parameters": point.parameters})
    found += faults.below_zero(
        {**not_negative, "latency_n": point.latency_n, "latency_sessions": point.latency_sessions}
    )
    found += faults.outside("quality", point.quality, point.quality_low, point.quality_high)
    if point.tasks:
        # Which of them enter the mean is not kept.
        found += faults.outside(
            "quality, as a mean of its tasks,", point.quality, min(scores.values()), max(scores.values())
        )
    latency, low, high = point.latency_ms, point.latency_low_ms, point.latency_high_ms
    typical = {"median": point.p50_ms, "mean": point.mean_ms}[point.statistic]
    if latency is not None and low is not None and high is not None:
        found += faults.outside("latency_ms", latency, low, high)
        if typical is not None:
            found += faults.differs("latency_ms", latency, typical, f"its {point.statistic} is")
    found += faults.not_rising(percentiles)
    if ratio and point.latency_ratio is not None:
        found += faults.outside("latency_ratio", point.latency_ratio, *ratio)
    if lead:
        found += faults.outside("teacher_difference", point.teacher_difference, *lead)
    found += faults.not_rising({name: not_negative[name] for name in cold[:3]})
    found += faults.not_rising({name: not_negative[name] for name in cold[3:]})
    if point.point_id != f"{point.candidate_id}/{point.variant}":
        found.append(f"it is called {point.point_id}, and is {point.variant} of {point.candidate_id}")
    if not point.variant.startswith(f"{point.input}-"):
        found.append(f"its name {point.variant} is not that of a {point.input} file")
    return found + faults.no_sha256("sha256", point.sha256)


def _figures_of_another_device(point: FrontierPoint, timed: bool) -> list[str]:
    """Whether a point lacks the figures by which it is judged on its device, or has those of another."""
    of_time = ("latency_ms", "latency_low_ms", "latency_high_ms", "latency_ratio")
    of_board = ("arena_kib", "mega_macs")
    owed, foreign = (of_time, of_board) if timed else (of_board, (*of_time, "mean_ms", "init_ms", "peak_mib"))
    device = "a device that measures time" if timed else "a board that is not timed"
    missing = [name for name in owed if getattr(point, name) is None]
    told = [name for name in foreign if getattr(point, name) is not None]
    return [f"on {device}, it has no {name}" for name in missing] + [
        f"on {device}, it has {name}" for name in told
    ]


def _told_interval(low: float, high: float) -> tuple[float, float] | None:
    return None if low == high == 0.0 else (low, high)
