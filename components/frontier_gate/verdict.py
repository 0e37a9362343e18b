"""The gate's decision as a pure function of the reports."""

from __future__ import annotations

from collections.abc import Sequence

from components.frontier_gate.judge import judge, summarise
from components.frontier_gate.points import find_contenders, reference_quality
from components.frontier_gate.settings import GateSettings
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossComparison, NossModelResult, NossReport
from schemas.reports import TfliteReport
from schemas.verdicts import Verdict


def reach_verdict(
    converted: Sequence[TfliteReport],
    noss: Sequence[NossReport],
    latency: LatencyReport,
    teacher: NossModelResult,
    baselines: Sequence[NossModelResult],
    comparison: NossComparison,
    settings: GateSettings,
    run_name: str,
) -> Verdict:
    """Judges a run; see :mod:`components.frontier_gate.judge` and ``dominance``.

    Args:
      converted: The converter's reports, one a candidate.
      noss: The benchmark's reports in the same order.
      latency: All measurements.
      teacher: The teacher's result.
      baselines: Of baselines and reference models.
      comparison: Of all models, clip by clip.
      settings: Goals and margins.
      run_name: Name of the run.

    Raises:
      ValueError: If no variant can compete, or teacher and baselines were evaluated on different tasks.
    """
    tasks = [task.task for task in teacher.tasks]
    teacher_line = reference_quality(teacher)
    for baseline in baselines:
        if {task.task for task in baseline.tasks} != set(tasks):
            raise ValueError(
                f"baseline {baseline.model!r} was evaluated on {sorted(t.task for t in baseline.tasks)}, "
                f"the teacher on {sorted(tasks)}: their means cannot be compared"
            )
    against_teacher = {difference.model: difference for difference in comparison.against_teacher}
    left_out = {model.model: model.reason for model in comparison.not_comparable}
    contenders, refused = find_contenders(converted, noss, latency, tasks, against_teacher, left_out)
    if not contenders:
        why = "; ".join(f"{variant.point_id}: {variant.reason}" for variant in refused[:10])
        raise ValueError(
            f"no variant can compete: all {len(refused)} were refused, so there is no frontier. {why}"
            + (" ..." if len(refused) > 10 else "")
        )
    judged, latency_margin = judge(contenders, teacher_line, against_teacher, settings)
    return Verdict(
        run_name=run_name,
        synthetic=any(task.synthetic for task in teacher.tasks),
        machine=latency.machine,
        teacher=teacher_line,
        baselines=[reference_quality(baseline) for baseline in baselines],
        points=judged,
        refused=refused,
        quality_margin=settings.quality_margin,
        latency_margin=latency_margin,
        summary=summarise(judged, refused),
    )
