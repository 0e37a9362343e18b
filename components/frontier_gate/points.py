"""From reports to points: what may compete on a device, and what is refused with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schemas import faults, footprint_faults, latency_faults, noss_faults, tflite_faults
from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.footprints import Footprint
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.latency_validity import measured_on_a_busy_host
from schemas.noss_reports import NossModelResult, NossReport
from schemas.tflite_reports import Parity, TfliteReport, TfliteVariant
from schemas.verdicts import FrontierPoint, ReferenceQuality, RefusedVariant

# Below it, less than a quarter of what varies in a file's embeddings is its student's.
LEAST_CENTRED_COSINE = 0.5


def point_id(converted: TfliteReport, variant: TfliteVariant) -> str:
    """Name of a variant across all candidates, ``<candidate id>/<variant>``."""
    return f"{converted.candidate_id}/{variant.name}"


def find_points(
    converted: Sequence[TfliteReport],
    noss: Sequence[NossReport],
    latency: LatencyReport,
    teacher: NossModelResult,
    comparison: NossComparison,
) -> tuple[list[FrontierPoint], list[RefusedVariant]]:
    """Puts each variant together with its figures on one device; nothing is judged yet.

    Args:
      converted: The converter's reports, one a candidate.
      noss: The benchmark's reports in the same order.
      latency: All measurements on the device.
      teacher: The teacher's result; a mean over other tasks is not comparable.
      comparison: Of all models, clip by clip.

    Raises:
      ValueError: If the reports do not belong together, or two candidates share a name.
    """
    if len(converted) != len(noss):
        raise ValueError(
            f"{len(converted)} converter reports but {len(noss)} NOSS reports; one of each a candidate"
        )
    names = Counter(report.candidate_id for report in converted)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"candidate ids must be unique, given more than once: {', '.join(twice)}")
    unsound = "; ".join(latency_faults.report_faults(latency))
    measured: dict[str, LatencyMeasurement | Footprint] = {one.key: one for one in latency.measurements}
    measured |= {one.key: one for one in latency.footprints}
    differences = {difference.model: difference for difference in comparison.against_teacher}
    left_out = {model.model: model.reason for model in comparison.not_comparable}
    points: list[FrontierPoint] = []
    refused: list[RefusedVariant] = []
    for report, benchmark in zip(converted, noss, strict=True):
        if not report.variants and not report.left_out:
            reason = report.failure or "the converter made no variant"
            refused.append(RefusedVariant(point_id=report.candidate_id, reason=reason))
        qualities = {result.variant: result for result in benchmark.results if _of(report, result)}
        for variant in report.variants:
            name = point_id(report, variant)
            quality, found, difference = (
                qualities.get(variant.name),
                measured.get(name),
                differences.get(name),
            )
            reason = (
                _refused_variant(variant, report)
                or _refused_quality(variant, quality, benchmark, teacher, comparison)
                or _refused_figures(
                    variant, found, latency, name, unsound, variant.sound_seconds(report.front_end)
                )
                or ("" if difference else f"not compared with the teacher: {_why(name, left_out)}")
                or _refused_comparison(quality, teacher, comparison)
            )
            if reason or quality is None or found is None or difference is None:
                refused.append(RefusedVariant(point_id=name, reason=reason))
            else:
                figures = figures_of(found)
                points.append(_point(report, variant, quality, figures, difference, teacher))
    return points, refused


def reference_quality(result: NossModelResult) -> ReferenceQuality:
    """Teacher or baseline as a line beside the frontier.

    Raises:
      ValueError: If its quality is not finite or the result is a student's.
    """
    if result.kind in ("student", "control"):
        raise ValueError(f"{result.model!r} is a {result.kind}; it cannot stand beside the frontier")
    if found := noss_faults.result_faults(result):
        raise ValueError(f"the {result.kind} {result.model!r} cannot be a reference: {'; '.join(found)}")
    return ReferenceQuality(
        model=result.model,
        kind=result.kind,
        quality=result.mean,
        low=result.mean_low,
        high=result.mean_high,
    )


def teacher_result(report: NossReport) -> NossModelResult:
    """The one result of the teacher.

    Raises:
      ValueError: If it is missing or not the only one: without it nothing can be judged.
    """
    found = [result for result in report.results if result.kind == "teacher"]
    if len(found) != 1:
        raise ValueError(
            f"the gate needs exactly one NOSS result of the teacher, the report holds {len(found)} "
            f"(models: {[result.model for result in report.results] or 'none'})"
        )
    return found[0]


def _point(
    report: TfliteReport,
    variant: TfliteVariant,
    quality: NossModelResult,
    figures: Mapping[str, Any],
    difference: PairedDifference,
    teacher: NossModelResult,
) -> FrontierPoint:
    return FrontierPoint(
        point_id=point_id(report, variant),
        candidate_id=report.candidate_id,
        variant=variant.name,
        input=variant.input,
        sha256=variant.sha256,
        quality=quality.mean,
        quality_low=quality.mean_low,
        quality_high=quality.mean_high,
        quality_of_teacher=quality.mean / teacher.mean if teacher.mean else 0.0,
        teacher_difference=difference.difference,
        teacher_difference_low=difference.low,
        teacher_difference_high=difference.high,
        tasks={task.task: task.score for task in quality.tasks},
        **figures,
        bytes=variant.bytes,
        parameters=report.parameters,
        total_steps=report.total_steps,
        goals=[],
        goals_met=False,
        on_frontier=False,
        dominated_by=[],
        blessed=False,
        reasons=[],
    )


def figures_of(found: LatencyMeasurement | Footprint) -> dict[str, Any]:
    """What a device tells of a file, as a point has it."""
    if isinstance(found, Footprint):
        absent = ("latency_ms", "latency_low_ms", "latency_high_ms", "latency_ratio", "init_ms", "peak_mib")
        return {"arena_kib": found.arena_kib, "mega_macs": found.mega_macs, **dict.fromkeys(absent)}
    same = (
        *("statistic", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "mean_ms", "real_time_factor", "init_ms"),
        *("peak_mib", "init_low_ms", "init_high_ms", "peak_low_mib", "peak_high_mib"),
    )
    return {
        **{name: getattr(found, name) for name in same},
        "latency_ms": found.typical_ms,
        "latency_low_ms": found.spread_low_ms,
        "latency_high_ms": found.spread_high_ms,
        "latency_n": found.n,
        "latency_sessions": found.sessions,
        "latency_intervals_ms": found.intervals_ms,
        "latency_ratio": found.ratio,
        "latency_ratio_low": found.ratio_low,
        "latency_ratio_high": found.ratio_high,
    }


def _of(report: TfliteReport, result: NossModelResult) -> bool:
    return result.model == report.candidate_id


def _why(point: str, left_out: Mapping[str, str]) -> str:
    if point in left_out:
        return left_out[point]
    return (
        "; ".join(f"{model} was left out: {reason}" for model, reason in left_out.items()) or "no difference"
    )


def _refused_variant(variant: TfliteVariant, report: TfliteReport) -> str:
    """Why the file cannot compete; empty if it can."""
    if not variant.accepted:
        return f"refused by the converter: {variant.reason or 'no reason given'}"
    if found := tflite_faults.variant_faults(variant, report):
        return _told("the converter's report", found)
    return _told("parity", tflite_faults.parity_faults(variant.parity) or _flaw_in_parity(variant.parity))


def _refused_quality(
    variant: TfliteVariant,
    quality: NossModelResult | None,
    benchmark: NossReport,
    teacher: NossModelResult,
    comparison: NossComparison,
) -> str:
    """Why what the benchmark says of the file cannot compete; empty if it can."""
    if quality is None:
        reason = benchmark.refused.get(variant.name, "")
        return f"no NOSS result: {reason}" if reason else "no NOSS result"
    if found := faults.malformed(quality):
        return _told("NOSS", found)
    if quality.sha256 != variant.sha256:
        return f"NOSS was measured on another file: sha256 {quality.sha256[:12]}, not {variant.sha256[:12]}"
    if benchmark.protocol != comparison.protocol:
        return (
            f"NOSS was measured by another protocol than the teacher: {benchmark.protocol!r}, "
            f"not {comparison.protocol!r}"
        )
    evaluated, tasks = ({task.task for task in result.tasks} for result in (quality, teacher))
    if evaluated != tasks:
        missing, extra = sorted(tasks - evaluated), sorted(evaluated - tasks)
        return f"NOSS tasks differ from the teacher's: missing {missing or 'none'}, extra {extra or 'none'}"
    found = noss_faults.result_faults(quality) or [
        *noss_faults.faults_in_report(quality, benchmark),
        *noss_faults.beside_teacher(quality, teacher),
    ]
    return _told("NOSS", found)


def _refused_comparison(
    quality: NossModelResult | None, teacher: NossModelResult, comparison: NossComparison
) -> str:
    """How the comparison contradicts the result; empty if it does not."""
    if quality is None:
        return ""
    return _told("the comparison", noss_faults.comparison_faults(quality, teacher, comparison))


def _refused_figures(
    variant: TfliteVariant,
    found: LatencyMeasurement | Footprint | None,
    latency: LatencyReport,
    name: str,
    unsound: str,
    heard_seconds: float,
) -> str:
    """Why what the device tells of the file cannot compete; arguments as for :func:`_refused_latency`."""
    if not isinstance(found, Footprint):
        return _refused_latency(variant, found, latency, name, unsound, heard_seconds)
    if found.sha256 != variant.sha256:
        return f"the device ran another file: sha256 {found.sha256[:12]}, not {variant.sha256[:12]}"
    if unsound:
        return f"the latency report: {unsound}"
    flaws = footprint_faults.footprint_faults(found)
    if (found.input, found.bytes) != (variant.input, variant.bytes):
        flaws.append(
            f"it is of a {found.input} file of {found.bytes} bytes, not of this {variant.input} file of "
            f"{variant.bytes}"
        )
    return _told("its footprint", flaws)


def _refused_latency(
    variant: TfliteVariant,
    timed: LatencyMeasurement | None,
    latency: LatencyReport,
    name: str,
    unsound: str,
    heard_seconds: float,
) -> str:
    """Why the measurement cannot compete; empty if it can.

    Args:
      variant: The file.
      timed: Its measurement.
      latency: The report of it.
      name: Of the point.
      unsound: Why nothing in the report can be believed; empty if it can.
      heard_seconds: New sound that one invocation of the file takes.
    """
    if timed is None:
        reason = latency.failures.get(name) or latency.failure
        missing = "no latency measurement" if latency.machine.measures_time else "no footprint"
        return f"{missing}: {reason}" if reason else missing
    if timed.sha256 != variant.sha256:
        return f"latency was measured on another file: sha256 {timed.sha256[:12]}, not {variant.sha256[:12]}"
    if not timed.valid:
        return f"latency is invalid: {'; '.join(timed.reasons) or 'no reason given'}"
    if unsound:
        return f"the latency report: {unsound}"
    if found := latency_faults.measurement_faults(timed):
        return _told("latency", found)
    if reason := measured_on_a_busy_host(latency, timed):
        return f"latency is invalid: {reason}"
    found = latency_faults.faults_in_report(timed, latency)
    if (
        timed.sound_seconds
        and not abs(timed.sound_seconds - heard_seconds) <= faults.ROUNDING * heard_seconds
    ):
        found.append(f"an invocation takes {timed.sound_seconds} s, but its front end {heard_seconds} s")
    if (timed.input, timed.bytes) != (variant.input, variant.bytes):
        found.append(
            f"it timed a {timed.input} file of {timed.bytes} bytes, not this {variant.input} file of "
            f"{variant.bytes}"
        )
    return _told("latency", found)


def _told(source: str, found: Sequence[str]) -> str:
    return f"{source}: {'; '.join(found)}" if found else ""


def _flaw_in_parity(parity: Parity | None) -> list[str]:
    """Why nobody can say that the file answers as its student does, whatever floor the converter held."""
    if parity and parity.n > 1 and parity.centred_cosine < LEAST_CENTRED_COSINE:
        return [
            f"without the mean embedding, the file agrees with its student by a cosine of "
            f"{parity.centred_cosine:.3f} only, below {LEAST_CENTRED_COSINE}"
        ]
    return []
