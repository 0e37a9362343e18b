"""What the gate decides, refuses and says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from components.frontier_gate.points import reference_quality, teacher_result
from components.frontier_gate.settings import GateSettings, Goal
from components.frontier_gate.verdict import reach_verdict
from schemas.noss_reports import LeftOut, NossReport
from schemas.students import StudentSpec
from schemas.verdicts import FrontierPoint, Verdict
from tests.made_up_runs import Made, Run, demo_run, make_comparison, make_result, make_run
from tests.students import mobilenet

SMALL, TINY, LARGE = (mobilenet(size) for size in ("small", "tiny", "large"))


def verdict_of(run: Run, goals: tuple[Goal, ...] = (), **options: Any) -> Verdict:
    return reach_verdict(
        run.converted,
        run.noss,
        run.latency,
        teacher_result(run.teacher),
        [report.results[0] for report in run.baselines],
        make_comparison(run),
        GateSettings(goals=goals, **options),
        "test",
    )


def point_of(verdict: Verdict, spec: StudentSpec, variant: str = "wave-float32") -> FrontierPoint:
    return next(p for p in verdict.points if p.point_id == f"{spec.candidate_id}/{variant}")


def test_frontier_and_losers() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)], LARGE: [Made(0.74, 9.0)]})
    verdict = verdict_of(run)
    assert [p.blessed for p in verdict.points] == [True, False, True]
    loser = point_of(verdict, LARGE)
    assert loser.dominated_by == [point_of(verdict, SMALL).point_id]
    assert loser.reasons == [f"beaten by {SMALL.candidate_id}/wave-float32"]
    # 0.75 / 0.8
    assert point_of(verdict, SMALL).quality_of_teacher == pytest.approx(0.9375)
    assert point_of(verdict, SMALL).teacher_difference == pytest.approx(-0.05)
    assert point_of(verdict, SMALL).teacher_difference_high == pytest.approx(-0.035)
    assert verdict.synthetic and not verdict.machine.is_device
    assert verdict.summary == "2 blessed (3 points, 2 on the frontier, 0 variants refused)."


def test_only_the_same_input_competes() -> None:
    run = make_run({SMALL: [Made(0.70, 5.0, "wave-float32"), Made(0.75, 1.0, "core-float32")]})
    assert all(point.on_frontier for point in verdict_of(run).points)


def test_goals_never_cut_the_frontier() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})
    verdict = verdict_of(run, (Goal(metric="latency_ms", limit=3.0),))
    small, tiny = point_of(verdict, SMALL), point_of(verdict, TINY)
    assert small.on_frontier and not small.goals_met and not small.blessed
    assert small.reasons == ["misses: latency_ms at most 3 ms (it has 5)"]
    assert tiny.on_frontier and tiny.blessed


def test_dominance_is_decided_among_those_that_meet_the_goals() -> None:
    run = make_run({SMALL: [Made(0.75, 2.0, size=9_000_000)], TINY: [Made(0.70, 3.0, size=1_000_000)]})
    verdict = verdict_of(run, (Goal(metric="bytes", limit=2_000_000),))
    small, tiny = point_of(verdict, SMALL), point_of(verdict, TINY)
    assert small.on_frontier and not small.blessed
    assert not tiny.on_frontier and tiny.blessed and tiny.dominated_by == [small.point_id]


@pytest.mark.parametrize(
    ("goal", "text", "met"),
    [
        # Teacher 0.8: 0.8 - 0.06 = 0.74; 0.8 * (1 - 0.1) = 0.72.
        (Goal(metric="quality", limit=0.75), "quality at least 0.75 accuracy", [True, False]),
        (
            Goal(metric="quality", kind="max_degradation", limit=0.06),
            "quality at least 0.740 accuracy, 0.06 below the teacher's",
            [True, False],
        ),
        (
            Goal(metric="quality", kind="max_degradation", limit=0.1, relative=True),
            "quality at least 0.720 accuracy, 10 % below the teacher's",
            [True, False],
        ),
        (Goal(metric="latency_ratio", limit=0.3), "latency_ratio at most 0.3 x reference", [False, True]),
        (Goal(metric="peak_mib", limit=100), "peak_mib at most 100 MiB", [True, True]),
        (Goal(metric="bytes", limit=1_000_000), "bytes at most 1,000,000 bytes", [True, True]),
    ],
)
def test_goal_kinds(goal: Goal, text: str, met: list[bool]) -> None:
    verdict = verdict_of(make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]}), (goal,))
    assert [point.goals[0].met for point in verdict.points] == met
    assert verdict.points[0].goals[0].goal == text


def test_a_goal_may_judge_one_input_only() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0), Made(0.75, 4.0, "core-float32")]})
    verdict = verdict_of(run, (Goal(metric="latency_ms", limit=1, input="core"),))
    assert [point.blessed for point in verdict.points] == [True, False]


def test_nothing_blessed_says_why() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})
    verdict = verdict_of(run, (Goal(metric="latency_ms", limit=1.0),))
    assert verdict.blessed == []
    assert verdict.summary.startswith(
        "Nothing is blessed and nothing may be pushed: no point meets all goals"
    )
    assert "latency_ms at most 1 ms: missed by 2 of 2" in verdict.summary


def test_session_spread_widens_the_margin() -> None:
    # Half widths of 10 %: 5 % between two latencies says nothing, though the quality is the same.
    run = make_run({SMALL: [Made(0.70, 2.0, spread=0.1)], TINY: [Made(0.70, 2.1, spread=0.1)]})
    verdict = verdict_of(run)
    assert verdict.latency_margin == pytest.approx(0.1)
    assert all(point.on_frontier for point in verdict.points)


def test_ties_may_be_thinned_to_the_smallest() -> None:
    run = make_run(
        {
            SMALL: [Made(0.70, 2.0, size=4_000_000), Made(0.70, 2.01, "wave-dynamic", size=1_000_000)],
            LARGE: [Made(0.69, 9.0)],
        }
    )
    assert sum(point.on_frontier for point in verdict_of(run).points) == 2
    verdict = verdict_of(run, ties="thin")
    out, stays = point_of(verdict, SMALL), point_of(verdict, SMALL, "wave-dynamic")
    assert stays.blessed and not out.on_frontier and not out.blessed
    assert out.dominated_by == [stays.point_id]
    assert out.reasons == [f"tied with {stays.point_id}, which is the smaller file"]
    assert point_of(verdict, LARGE).dominated_by == [stays.point_id]


def test_every_loser_is_beaten_by_a_frontier_point() -> None:
    verdict = verdict_of(demo_run())
    frontier = {point.point_id for point in verdict.points if point.on_frontier}
    assert frontier
    for point in verdict.points:
        assert set(point.dominated_by) <= frontier
        assert point.on_frontier == (not point.dominated_by)
        assert bool(point.reasons) == (not point.blessed)


def refused_reason(run: Run) -> str:
    (refused,) = verdict_of(run).refused
    assert refused.point_id == f"{SMALL.candidate_id}/wave-dynamic"
    return refused.reason


@pytest.fixture
def run() -> Run:
    return make_run({SMALL: [Made(0.75, 5.0), Made(0.74, 4.0, "wave-dynamic")]})


def test_refused_by_the_converter(run: Run) -> None:
    keep, drop = run.converted[0].variants
    drop = drop.model_copy(update={"accepted": False, "reason": "cosine 0.5 below 0.98"})
    run.converted[0] = run.converted[0].model_copy(update={"variants": [keep, drop]})
    assert refused_reason(run) == "refused by the converter: cosine 0.5 below 0.98"


def test_a_failed_candidate_says_why_and_the_others_are_judged() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})
    failed = {"failure": f"{SMALL.candidate_id}: the loss is nan in epoch 2", "variants": []}
    run.converted[0] = run.converted[0].model_copy(update=failed)
    run.noss[0] = run.noss[0].model_copy(update={"results": []})
    verdict = verdict_of(run)
    refused = verdict.refused
    assert [point.candidate_id for point in verdict.points] == [TINY.candidate_id]
    assert [(each.point_id, each.reason) for each in refused] == [(SMALL.candidate_id, failed["failure"])]


def test_refused_without_noss(run: Run) -> None:
    run.noss[0] = NossReport(protocol="p", results=run.noss[0].results[:1])
    assert refused_reason(run) == "no NOSS result"


def test_refused_without_latency(run: Run) -> None:
    run.latency = run.latency.model_copy(update={"measurements": run.latency.measurements[:1]})
    assert refused_reason(run) == "no latency measurement"


def test_refused_if_noss_heard_another_file(run: Run) -> None:
    keep, drop = run.noss[0].results
    run.noss[0] = NossReport(protocol="p", results=[keep, drop.model_copy(update={"sha256": "a" * 64})])
    assert refused_reason(run).startswith("NOSS was measured on another file: sha256 aaaaaaaaaaaa, not ")


def test_refused_if_another_file_was_timed(run: Run) -> None:
    keep, drop = run.latency.measurements
    drop = drop.model_copy(update={"sha256": "b" * 64})
    run.latency = run.latency.model_copy(update={"measurements": [keep, drop]})
    assert refused_reason(run).startswith("latency was measured on another file: sha256 bbbbbbbbbbbb, not ")


def test_refused_if_quality_is_nan(run: Run) -> None:
    keep, drop = run.noss[0].results
    run.noss[0] = NossReport(protocol="p", results=[keep, drop.model_copy(update={"mean": math.nan})])
    assert refused_reason(run) == "NOSS: not a finite number: mean = nan"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ratio": math.nan}, "latency: not a finite number: ratio = nan"),
        ({"p50_ms": 0.0}, "latency: not above zero: p50_ms = 0.0"),
        ({"n": 0}, "latency: no timed invocation"),
        ({"ratio": 9.0}, "latency: ratio 9.0 outside its interval 0.396 to 0.404"),
    ],
)
def test_refused_if_latency_is_impossible(run: Run, change: dict[str, float], reason: str) -> None:
    keep, drop = run.latency.measurements
    run.latency = run.latency.model_copy(update={"measurements": [keep, drop.model_copy(update=change)]})
    assert refused_reason(run) == reason


def test_refused_if_evaluated_on_other_tasks(run: Run) -> None:
    keep, drop = run.noss[0].results
    other = make_result(drop.model, drop.mean, drop.variant, drop.sha256, tasks=("language", "speaker"))
    run.noss[0] = NossReport(protocol="p", results=[keep, other])
    assert refused_reason(run) == "NOSS tasks differ from the teacher's: missing ['keyword'], extra none"


def test_no_point_is_an_error(run: Run) -> None:
    run.latency = run.latency.model_copy(update={"measurements": []})
    with pytest.raises(
        ValueError, match=r"no variant can compete: all 2 were refused.*no latency measurement"
    ):
        verdict_of(run)


def test_no_teacher_is_an_error(run: Run) -> None:
    run.teacher = NossReport(protocol="p", results=[])
    with pytest.raises(
        ValueError, match=r"exactly one NOSS result of the teacher, the report holds 0 \(models: none\)"
    ):
        verdict_of(run)


def test_a_teacher_without_a_figure_is_an_error(run: Run) -> None:
    run.teacher = NossReport(protocol="p", results=[make_result("teacher", math.nan, kind="teacher")])
    with pytest.raises(ValueError, match="the teacher 'teacher' cannot be a reference: not a finite number"):
        verdict_of(run)


def test_a_baseline_on_other_tasks_is_an_error(run: Run) -> None:
    run.baselines = [
        NossReport(protocol="p", results=[make_result("logmel", 0.6, kind="baseline", tasks=("a",))])
    ]
    with pytest.raises(ValueError, match="baseline 'logmel' was evaluated on"):
        verdict_of(run)


def test_candidates_of_one_name_are_an_error(run: Run) -> None:
    run.converted *= 2
    run.noss *= 2
    with pytest.raises(ValueError, match="candidate ids must be unique"):
        verdict_of(run)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"metric": "bytes", "kind": "max_degradation", "limit": 1}, "the teacher is not timed or weighed"),
        ({"metric": "quality", "limit": 1.5}, "can never be met"),
        ({"metric": "bytes", "limit": 5, "relative": True}, "only with kind 'max_degradation'"),
        ({"metric": "bytes", "limit": -5}, "greater than or equal to 0"),
    ],
)
def test_impossible_goals_are_refused(goal: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Goal(**goal)


def test_a_variant_measured_on_other_clips_is_refused() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})
    tiny = f"{TINY.candidate_id}/wave-float32"
    everyone = make_comparison(run)
    comparison = everyone.model_copy(
        update={
            "against_teacher": [d for d in everyone.against_teacher if d.model != tiny],
            "not_comparable": [LeftOut(model=tiny, reason="other clips of speaker")],
        }
    )
    teacher = teacher_result(run.teacher)
    verdict = reach_verdict(
        run.converted, run.noss, run.latency, teacher, [], comparison, GateSettings(), "test"
    )
    assert [point.candidate_id for point in verdict.points] == [SMALL.candidate_id]
    assert verdict.refused[0].reason == "not compared with the teacher: other clips of speaker"

    alone = everyone.model_copy(
        update={"against_teacher": [], "not_comparable": [LeftOut(model="teacher", reason="no samples")]}
    )
    with pytest.raises(ValueError, match="not compared with the teacher: teacher was left out: no samples"):
        reach_verdict(run.converted, run.noss, run.latency, teacher, [], alone, GateSettings(), "test")


def test_a_control_is_no_line_beside_the_frontier() -> None:
    with pytest.raises(ValueError, match="'random' is a control; it cannot stand beside the frontier"):
        reference_quality(make_result("random", 0.2, kind="control"))
