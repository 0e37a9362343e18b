"""Reports as MLflow parameters and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from components.common.tracking.curves import epoch_points
from schemas.distillation_reports import DistillationSetInfo
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossModelResult, NossReport
from schemas.run_records import MetricPoint
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
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


FOOTPRINT_FIGURES = (
    "arena_bytes",
    "shared_bytes",
    "persistent_bytes",
    "multiply_accumulates",
    "difference",
    "golden_difference",
)


def candidate_parameters(converted: TfliteReport, student: StudentInfo) -> dict[str, str]:
    """The typed parameters of one candidate."""
    return {
        **converted.spec.levels(converted.front_end),
        "parameters": str(converted.parameters),
        "seed": str(student.seed),
        "target_dim": str(student.target_dim),
    }


def candidate_metrics(
    student: StudentInfo, converted: TfliteReport, noss: NossReport, latencies: Sequence[LatencyReport]
) -> list[MetricPoint]:
    """Training by epoch; size, parity, NOSS and each device's latency of a variant under its name."""
    points = training_metrics(student)
    for variant in converted.variants:
        prefix = f"{variant.name}/"
        points.append(_point(f"{prefix}bytes", variant.bytes))
        if variant.parity:
            points.append(_point(f"{prefix}parity/cosine_min", variant.parity.cosine_min))
        quality = noss.result(variant.name)
        if quality:
            points.extend(noss_metrics(quality, prefix))
        for latency in latencies:
            measured = latency.measurement(converted.candidate_id, variant.name)
            if measured:
                points.extend(latency_metrics(measured, f"{prefix}latency/{latency.machine.profile}/"))
            footprint = latency.footprint(converted.candidate_id, variant.name)
            if footprint:
                points.extend(
                    _point(f"{prefix}footprint/{latency.machine.profile}/{name}", getattr(footprint, name))
                    for name in FOOTPRINT_FIGURES
                )
    return finite(points)


def training_metrics(student: StudentInfo) -> list[MetricPoint]:
    """Every epoch, at its place in the training."""
    points: list[MetricPoint] = []
    second = 0.0
    for epoch in student.epochs:
        second += epoch.seconds
        points.extend(epoch_points(epoch, second))
    points.append(_point("training/target_variance_explained", student.target_variance_explained, 0, second))
    points.append(_point("training/best_epoch", student.best_epoch, 0, second))
    points.append(_point("training/total_steps", student.total_steps, 0, second))
    return finite(points)


def noss_metrics(result: NossModelResult, prefix: str = "") -> list[MetricPoint]:
    """Mean and tasks, each with its interval and n."""
    points = [
        _point(f"{prefix}noss/mean", result.mean),
        _point(f"{prefix}noss/mean/low", result.mean_low),
        _point(f"{prefix}noss/mean/high", result.mean_high),
    ]
    for task in result.tasks:
        name = f"{prefix}noss/{task.task}"
        points += [
            _point(name, task.value),
            _point(f"{name}/low", task.low),
            _point(f"{name}/high", task.high),
            _point(f"{name}/n_test", task.n_test),
        ]
    return points


def latency_metrics(measured: LatencyMeasurement, prefix: str) -> list[MetricPoint]:
    """All figures of one file on one device that the device tells."""
    figures = {name: getattr(measured, name) for name in LATENCY_FIGURES}
    return [_point(f"{prefix}{name}", float(value)) for name, value in figures.items() if value is not None]


def run_parameters(
    verdict: Verdict, windows: DistillationSetInfo, packages: Mapping[str, str]
) -> dict[str, str]:
    """The teacher, the versions of decisive packages, and what the run was measured on, device by device."""
    parameters = {
        "synthetic": str(verdict.synthetic),
        "teacher": windows.teacher,
        "teacher_digest": windows.teacher_digest,
        "teacher_licence": windows.teacher_licence or "not stated",
        **{f"package/{name}": version for name, version in packages.items()},
    }
    for device in verdict.devices:
        for name in ("name", "runtime", "is_device"):
            parameters[f"{device.device}/{name}"] = str(getattr(device.machine, name))
    return parameters


def run_metrics(verdict: Verdict, teacher: NossReport) -> list[MetricPoint]:
    """The run as a whole, and the frontier of each device."""
    all_points = [point for device in verdict.devices for point in device.points]
    points = [
        _point("blessed", len({point.point_id for _, point in verdict.blessed})),
        _point("best_quality", max((point.quality for point in all_points), default=math.nan)),
        _point("best_quality_of_teacher", max((p.quality_of_teacher for p in all_points), default=math.nan)),
    ]
    for device in verdict.devices:
        points += [
            _point(f"{device.device}/points", len(device.points)),
            _point(f"{device.device}/frontier", sum(point.on_frontier for point in device.points)),
            _point(f"{device.device}/blessed", len(device.blessed)),
            _point(f"{device.device}/refused", len(device.refused)),
            _point(f"{device.device}/closed", bool(device.closed)),
        ]
    for result in teacher.results:
        points.extend(noss_metrics(result, "teacher/"))
    points.extend(_point(f"baseline/{line.model}/noss/mean", line.quality) for line in verdict.baselines)
    if search := verdict.search:
        points.append(_point("search/spent", search.spent))
        if search.audit_deviation is not None:
            points.append(_point("search/audit_deviation", search.audit_deviation))
    return finite(points)


def finite(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """Only figures that are numbers; NaN is not a measurement."""
    return [point for point in points if math.isfinite(point.value)]


def _point(name: str, value: float, step: int = 0, second: float = 0.0) -> MetricPoint:
    return MetricPoint(name=name, value=value, step=step, second=second)
