"""The gate's decision as a pure function of the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common.frontier.axes import Entrant, log_rounds, misplaced
from components.common.frontier.conditions import host_figures, missing_tasks, references_of
from components.common.frontier.draws import read_draws
from components.common.frontier.goal_references import check_names
from components.common.frontier.incumbents import Measure, benchmark_digest, find_incumbents
from components.common.frontier.judge import judge, why_nothing
from components.common.frontier.scales import Floats
from components.common.frontier.settings import GateDemands
from components.common.tracking.registered import RegisteredVersion
from components.frontier_gate.effects import main_effects, why_no_effects
from components.frontier_gate.points import find_points, reference_quality
from components.frontier_gate.recommendation import recommend
from schemas.comparison_reports import NossComparison
from schemas.latency_faults import report_faults
from schemas.latency_reports import LatencyReport
from schemas.noss_faults import beside_teacher
from schemas.noss_reports import NossModelResult, NossReport
from schemas.search_reports import SearchReport
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import DeviceVerdict, FrontierPoint, RefusedVariant, Verdict


def reach_verdict(
    converted: Sequence[TfliteReport],
    noss: Sequence[tuple[NossReport, Path]],
    latencies: Sequence[LatencyReport],
    teacher: NossModelResult,
    baselines: Sequence[NossModelResult],
    comparison: NossComparison,
    settings: GateDemands,
    run_name: str,
    registered: Mapping[str, Sequence[RegisteredVersion]] | None = None,
    notices: Sequence[str] = (),
    refused: Sequence[RefusedVariant] = (),
    unread_baselines: Sequence[str] = (),
    search: SearchReport | None = None,
) -> Verdict:
    """Judges a run, device by device; see :mod:`components.common.frontier.judge` and ``dominance``.

    Args:
      converted: The converter's reports, one a candidate.
      noss: The benchmark's reports in the same order, each with the folder that holds its draws.
      latencies: All measurements, one report a device.
      teacher: The teacher's result.
      baselines: Of baselines and reference models.
      comparison: Of all models, clip by clip.
      settings: Goals, axes, ties and budgets.
      run_name: Name of the run.
      registered: By device what the registry holds for it, to compete with.
      notices: What a reader must know of how this was judged.
      refused: Files and candidates of which a report could not be read.
      unread_baselines: Why reports of baselines or reference models could not be read.
      search: Which candidates were trained, if not all of them.

    Raises:
      ValueError: If reports do not belong together, or goals or axes name what is not there.
    """
    tasks = [task.task for task in teacher.tasks]
    teacher_line = reference_quality(teacher)
    for baseline in baselines:
        if {task.task for task in baseline.tasks} != set(tasks):
            raise ValueError(
                f"baseline {baseline.model!r} was evaluated on {sorted(t.task for t in baseline.tasks)}, "
                f"the teacher on {sorted(tasks)}: their means cannot be compared"
            )
        if odd := beside_teacher(baseline, teacher):
            raise ValueError(
                f"baseline {baseline.model!r} cannot be compared with the teacher: {'; '.join(odd)}"
            )
    devices = _device_names(latencies)
    unavailable = {task.name for task in comparison.unavailable}
    unread = {name for one in refused for name in (one.point_id, one.point_id.rpartition("/")[0])}
    beside = [baseline.name for baseline in baselines]
    check_names(
        settings,
        devices,
        teacher,
        beside,
        converted,
        unavailable,
        unread,
        any_model=bool(unread_baselines),
    )
    undrawn: dict[str, str] = {}
    draws = read_draws(noss, [axis.task for axis in settings.axes if axis.task], undrawn)
    run = _Run(
        converted,
        [report for report, _ in noss],
        teacher,
        baselines,
        comparison,
        draws,
        undrawn,
        registered or {},
        refused,
        unread_baselines,
    )
    synthetic = any(task.synthetic for task in teacher.tasks)
    digest = benchmark_digest(teacher, comparison.protocol)
    reference = _reference_sha256(latencies)
    judged = [
        run.on_device(
            latency,
            settings.on(latency.machine),
            Measure(latency.machine, reference if latency.machine.measures_time else "", digest, synthetic),
        )
        for latency in latencies
    ]
    return Verdict(
        run_name=run_name,
        synthetic=synthetic,
        benchmark_digest=digest,
        reference_sha256=reference,
        teacher=teacher_line,
        baselines=[reference_quality(baseline) for baseline in baselines],
        devices=judged,
        search=search,
        notices=[
            *(f"Judged without a baseline or reference model: {why}" for why in unread_baselines),
            *notices,
        ],
        summary=" ".join(device.summary for device in judged),
    )


@dataclass(frozen=True)
class _Run:
    """What is the same for all devices."""

    converted: Sequence[TfliteReport]
    noss: Sequence[NossReport]
    teacher: NossModelResult
    beside: Sequence[NossModelResult]
    comparison: NossComparison
    draws: Mapping[str, Mapping[str, Floats]]
    undrawn: Mapping[str, str]
    registered: Mapping[str, Sequence[RegisteredVersion]]
    refused: Sequence[RefusedVariant]
    unread_baselines: Sequence[str]

    def on_device(self, latency: LatencyReport, settings: GateDemands, measure: Measure) -> DeviceVerdict:
        """The decision on one device."""
        device = latency.machine.profile
        points, refused = find_points(self.converted, self.noss, latency, self.teacher, self.comparison)
        no_figure = {
            point.point_id: reason
            for point in points
            if (reason := misplaced(point, settings.axes) or self.undrawn.get(point.point_id))
        }
        points = [point for point in points if point.point_id not in no_figure]
        refused += [RefusedVariant(point_id=name, reason=reason) for name, reason in no_figure.items()]
        refused += self.refused
        own_files = {point.sha256: point.point_id for point in points}
        registered = self.registered.get(device, ())
        incumbents = find_incumbents(registered, measure, own_files, settings.axes)
        goal_references = references_of(
            self.teacher,
            self.beside,
            self.comparison,
            points,
            refused,
            registered,
            incumbents,
            self.unread_baselines,
        )
        there = goal_references.points
        rounds = {one.key: log_rounds(one) for one in latency.measurements if one.key in there}
        own = [
            Entrant(name, point, self.draws.get(name, {}), rounds=rounds.get(name, {}))
            for name, point in there.items()
        ]
        judgement = judge(own, incumbents, goal_references, settings, device)
        unsound = report_faults(latency)
        closed = [
            *(f"the latency report is inconsistent: {words}" for words in unsound),
            *([] if unsound else _without_points(latency, points, refused, self.noss)),
            *missing_tasks(settings, self.teacher),
            *([] if latency.failure else host_figures(latency.machine, settings)),
        ]
        if points and (nothing := why_nothing(judgement.points)):
            closed.append(nothing)
        judged = [_shut(point, closed) for point in judgement.points] if closed else judgement.points
        specs = {report.candidate_id: report.spec.levels(report.front_end) for report in self.converted}
        return DeviceVerdict(
            device=device,
            machine=latency.machine,
            reference_ms=latency.reference.typical_ms if latency.reference else None,
            closed=closed,
            points=judged,
            refused=refused,
            registered=judgement.registered,
            axes=judgement.axes,
            recommendations=recommend(judged, own, judgement.axes, settings.budgets.get(device, ())),
            effects=main_effects(judged, specs, self.draws),
            effects_note=why_no_effects(judged, specs),
            summary=_summary(device, closed, judged, refused),
        )


def _device_names(latencies: Sequence[LatencyReport]) -> list[str]:
    names = [latency.machine.profile for latency in latencies]
    if not names:
        raise ValueError("the gate needs a latency report of at least one device")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"one latency report a device, given more than once: {', '.join(twice)}")
    return names


def _reference_sha256(latencies: Sequence[LatencyReport]) -> str:
    """Of the one reference model; empty if no device could be measured."""
    found = {latency.machine.profile: latency.reference.sha256 for latency in latencies if latency.reference}
    if len(set(found.values())) > 1:
        places = ", ".join(f"{device}: {sha256[:12]}" for device, sha256 in found.items())
        raise ValueError(f"all devices must time the same reference model, their sha256 differ: {places}")
    return next(iter(found.values()), "")


def _without_points(
    latency: LatencyReport,
    points: Sequence[FrontierPoint],
    refused: Sequence[RefusedVariant],
    noss: Sequence[NossReport],
) -> list[str]:
    """Why there is no point at all: each stage that gave nothing."""
    reasons = []
    if not any(report.results for report in noss):
        reasons.append("no variant has a NOSS result")
    if latency.failure:
        reasons.append(f"nothing could be measured: {latency.failure}")
    elif not latency.machine.measures_time:
        if not latency.footprints:
            reasons.append("no variant runs on it")
    elif not latency.measurements:
        reasons.append("no variant has a latency measurement")
    elif not any(measured.valid for measured in latency.measurements):
        reasons.append(f"no latency measurement is valid: all {len(latency.measurements)} are refused")
    if not reasons and not points:
        first = refused[0]
        reasons.append(f"no variant can compete: {first.point_id}: {first.reason} ({len(refused)} refused)")
    return reasons


def _shut(point: FrontierPoint, closed: Sequence[str]) -> FrontierPoint:
    """A point behind a closed gate: whatever it is, it is not pushed."""
    if not point.blessed:
        return point
    return point.model_copy(update={"blessed": False, "reasons": [f"the gate is closed: {closed[0]}"]})


def _summary(
    device: str,
    closed: Sequence[str],
    points: Sequence[FrontierPoint],
    refused: Sequence[RefusedVariant],
) -> str:
    frontier = sum(point.on_frontier for point in points)
    files = "variant" if len(refused) == 1 else "variants"
    counts = f"{len(points)} points, {frontier} on the frontier, {len(refused)} {files} refused"
    if closed:
        return f"{device}: closed, nothing may be pushed: {'; '.join(closed)} ({counts})."
    return f"{device}: {sum(point.blessed for point in points)} blessed ({counts})."
