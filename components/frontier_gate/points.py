"""From reports to points: what may compete, and what is refused with its reason."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossModelResult, NossReport
from schemas.reports import TfliteReport, TfliteVariant
from schemas.verdicts import ReferenceQuality, RefusedVariant


@dataclass(frozen=True)
class Contender:
    """One TFLite file with everything that was measured on it.

    Attributes:
      converted: The converter's report that holds ``variant``.
      variant: The file.
      quality: NOSS results of the same sha256.
      latency: Measurement of the same sha256.
    """

    converted: TfliteReport
    variant: TfliteVariant
    quality: NossModelResult
    latency: LatencyMeasurement

    @property
    def point_id(self) -> str:
        """``<candidate id>/<variant>``."""
        return point_id(self.converted, self.variant)


def point_id(converted: TfliteReport, variant: TfliteVariant) -> str:
    """Name of a variant across all candidates."""
    return f"{converted.candidate_id}/{variant.name}"


def find_contenders(
    converted: Sequence[TfliteReport],
    noss: Sequence[NossReport],
    latency: LatencyReport,
    tasks: Sequence[str],
    compared: Collection[str],
    left_out: Mapping[str, str],
) -> tuple[list[Contender], list[RefusedVariant]]:
    """Puts each variant together with its figures.

    Args:
      converted: The converter's reports, one a candidate.
      noss: The benchmark's reports in the same order.
      latency: All measurements.
      tasks: The tasks that the teacher was evaluated on; a mean over others is not comparable.
      compared: Variants that were compared with the teacher clip by clip, ``<candidate id>/<variant>``.
      left_out: Why models, the teacher too, were not.

    Raises:
      ValueError: If the reports do not belong together, or two candidates share a name.
    """
    if len(converted) != len(noss):
        raise ValueError(
            f"{len(converted)} converter reports but {len(noss)} NOSS reports; one of each a candidate"
        )
    names = [report.candidate_id for report in converted]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"candidate ids must be unique, given more than once: {', '.join(twice)}")
    contenders: list[Contender] = []
    refused: list[RefusedVariant] = []
    for report, benchmark in zip(converted, noss, strict=True):
        if not report.variants:
            reason = report.failure or "the converter made no variant"
            refused.append(RefusedVariant(point_id=report.candidate_id, reason=reason))
        for variant in report.variants:
            quality = next(
                (
                    r
                    for r in benchmark.results
                    if r.variant == variant.name and r.model == report.candidate_id
                ),
                None,
            )
            measured = latency.measurement(report.candidate_id, variant.name)
            reason = _refusal(variant, quality, measured, tasks)
            if not reason and point_id(report, variant) not in compared:
                reason = f"not compared with the teacher: {_why(point_id(report, variant), left_out)}"
            if reason or quality is None or measured is None:
                refused.append(RefusedVariant(point_id=point_id(report, variant), reason=reason))
            else:
                contenders.append(Contender(report, variant, quality, measured))
    return contenders, refused


def reference_quality(result: NossModelResult) -> ReferenceQuality:
    """Teacher or baseline as a line beside the frontier.

    Raises:
      ValueError: If its quality is not finite or the result is a student's.
    """
    if result.kind in ("student", "control"):
        raise ValueError(f"{result.model!r} is a {result.kind}; it cannot stand beside the frontier")
    flaw = _flaw_in_quality(result)
    if flaw:
        raise ValueError(f"the {result.kind} {result.model!r} cannot be a reference: {flaw}")
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


def _why(point: str, left_out: Mapping[str, str]) -> str:
    if point in left_out:
        return left_out[point]
    return (
        "; ".join(f"{model} was left out: {reason}" for model, reason in left_out.items()) or "no difference"
    )


def _refusal(
    variant: TfliteVariant,
    quality: NossModelResult | None,
    latency: LatencyMeasurement | None,
    tasks: Sequence[str],
) -> str:
    """Why the variant cannot compete; empty if it can."""
    if not variant.accepted:
        return f"refused by the converter: {variant.reason or 'no reason given'}"
    if quality is None:
        return "no NOSS result"
    if quality.sha256 != variant.sha256:
        return f"NOSS was measured on another file: sha256 {quality.sha256[:12]}, not {variant.sha256[:12]}"
    evaluated = {task.task for task in quality.tasks}
    if evaluated != set(tasks):
        missing, extra = sorted(set(tasks) - evaluated), sorted(evaluated - set(tasks))
        return f"NOSS tasks differ from the teacher's: missing {missing or 'none'}, extra {extra or 'none'}"
    flaw = _flaw_in_quality(quality)
    if flaw:
        return f"NOSS: {flaw}"
    if latency is None:
        return "no latency measurement"
    if latency.sha256 != variant.sha256:
        return (
            f"latency was measured on another file: sha256 {latency.sha256[:12]}, not {variant.sha256[:12]}"
        )
    flaw = _flaw_in_latency(latency)
    return f"latency: {flaw}" if flaw else ""


def _flaw_in_quality(result: NossModelResult) -> str:
    figures = {"mean": result.mean, "mean_low": result.mean_low, "mean_high": result.mean_high}
    figures |= {f"{task.task}": task.value for task in result.tasks}
    if not result.tasks:
        return "evaluated on no task"
    wrong = [f"{name} = {value}" for name, value in figures.items() if not math.isfinite(value)]
    return f"not a finite number: {', '.join(wrong)}" if wrong else ""


def _flaw_in_latency(measured: LatencyMeasurement) -> str:
    if measured.n < 1:
        return "no timed invocation"
    names = ("p50_ms", "spread_low_ms", "spread_high_ms", "ratio", "ratio_low", "ratio_high", "peak_mib")
    figures = {name: float(getattr(measured, name)) for name in names}
    wrong = [f"{name} = {value}" for name, value in figures.items() if not math.isfinite(value)]
    if wrong:
        return f"not a finite number: {', '.join(wrong)}"
    wrong = [f"{name} = {value}" for name, value in figures.items() if value <= 0 and name != "peak_mib"]
    if wrong:
        return f"not above zero: {', '.join(wrong)}"
    if not measured.ratio_low <= measured.ratio <= measured.ratio_high:
        return f"ratio {measured.ratio} outside its interval {measured.ratio_low} to {measured.ratio_high}"
    return ""
