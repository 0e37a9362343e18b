"""Reports as MLflow parameters and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from components.tracking.tracker import Point
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossModelResult, NossReport
from schemas.reports import StudentInfo, TfliteReport
from schemas.verdicts import Verdict

LATENCY_FIGURES = (
    "valid",
    "n",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "mean_ms",
    "spread_low_ms",
    "spread_high_ms",
    "disagreement",
    "ratio",
    "ratio_low",
    "ratio_high",
    "real_time_factor",
    "front_end_ms",
    "init_ms",
    "first_ms",
    "peak_mib",
)
EPOCH_FIGURES = ("loss", "validation_loss", "learning_rate", "svd_alpha", "seconds")


def candidate_parameters(converted: TfliteReport, student: StudentInfo) -> dict[str, Any]:
    """The typed parameters of one candidate."""
    return {
        **converted.spec.parameters(),
        "parameters": converted.parameters,
        "seed": student.seed,
        "target_dim": student.target_dim,
    }


def candidate_metrics(
    student: StudentInfo, converted: TfliteReport, noss: NossReport, latencies: Sequence[LatencyReport]
) -> list[Point]:
    """Training by epoch; size, parity, NOSS and each device's latency of a variant under its name."""
    points = training_metrics(student)
    for variant in converted.variants:
        prefix = f"{variant.name}/"
        points.append(Point(f"{prefix}bytes", variant.bytes))
        if variant.parity:
            points.append(Point(f"{prefix}parity/cosine_min", variant.parity.cosine_min))
        quality = noss.result(variant.name)
        if quality:
            points.extend(noss_metrics(quality, prefix))
        for latency in latencies:
            measured = latency.measurement(converted.candidate_id, variant.name)
            if measured:
                points.extend(latency_metrics(measured, f"{prefix}latency/{latency.machine.profile}/"))
    return finite(points)


def training_metrics(student: StudentInfo) -> list[Point]:
    """Every epoch, at its place in the training."""
    points: list[Point] = []
    second = 0.0
    for epoch in student.epochs:
        second += epoch.seconds
        points.extend(
            Point(f"training/{name}", float(getattr(epoch, name)), epoch.epoch, second)
            for name in EPOCH_FIGURES
        )
    points.append(Point("training/target_variance_explained", student.target_variance_explained, 0, second))
    points.append(Point("training/best_epoch", student.best_epoch, 0, second))
    return finite(points)


def noss_metrics(result: NossModelResult, prefix: str = "") -> list[Point]:
    """Mean and tasks, each with its interval and n."""
    points = [
        Point(f"{prefix}noss/mean", result.mean),
        Point(f"{prefix}noss/mean/low", result.mean_low),
        Point(f"{prefix}noss/mean/high", result.mean_high),
    ]
    for task in result.tasks:
        name = f"{prefix}noss/{task.task}"
        points += [
            Point(name, task.value),
            Point(f"{name}/low", task.low),
            Point(f"{name}/high", task.high),
            Point(f"{name}/n_test", task.n_test),
        ]
    return points


def latency_metrics(measured: LatencyMeasurement, prefix: str) -> list[Point]:
    """All figures of one file on one device that the device tells."""
    figures = {name: getattr(measured, name) for name in LATENCY_FIGURES}
    return [Point(f"{prefix}{name}", float(value)) for name, value in figures.items() if value is not None]


def run_parameters(verdict: Verdict) -> dict[str, Any]:
    """What the run was measured on, device by device."""
    parameters: dict[str, Any] = {"synthetic": verdict.synthetic}
    for device in verdict.devices:
        for name in ("name", "runtime", "is_device"):
            parameters[f"{device.device}/{name}"] = getattr(device.machine, name)
    return parameters


def run_metrics(verdict: Verdict, teacher: NossReport) -> list[Point]:
    """The run as a whole, and the frontier of each device."""
    all_points = [point for device in verdict.devices for point in device.points]
    points = [
        Point("blessed", len({point.point_id for _, point in verdict.blessed})),
        Point("best_quality", max((point.quality for point in all_points), default=math.nan)),
        Point("best_quality_of_teacher", max((p.quality_of_teacher for p in all_points), default=math.nan)),
    ]
    for device in verdict.devices:
        points += [
            Point(f"{device.device}/points", len(device.points)),
            Point(f"{device.device}/frontier", sum(point.on_frontier for point in device.points)),
            Point(f"{device.device}/blessed", len(device.blessed)),
            Point(f"{device.device}/refused", len(device.refused)),
            Point(f"{device.device}/closed", bool(device.closed)),
        ]
    for result in teacher.results:
        points.extend(noss_metrics(result, "teacher/"))
    points.extend(Point(f"baseline/{line.model}/noss/mean", line.quality) for line in verdict.baselines)
    return finite(points)


def finite(points: Iterable[Point]) -> list[Point]:
    """Only figures that are numbers; NaN is no measurement."""
    return [point for point in points if math.isfinite(point.value)]
