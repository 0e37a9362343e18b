"""What becomes a point with which figures, and what is refused with which reason."""

from __future__ import annotations

import math
from typing import Any

import pytest

from components.common.frontier.settings import AxisSettings
from components.frontier_gate.points import reference_quality, teacher_result
from schemas.comparison_reports import LeftOut
from schemas.noss_reports import NossReport
from tests.components.frontier_gate.judging import SMALL, TINY, device_of, point_of, verdict_of
from tests.made_up_runs import PROTOCOL, Made, Run, make_comparison, make_result, make_run


@pytest.fixture
def run() -> Run:
    return make_run({SMALL: [Made(0.75, 5.0), Made(0.74, 4.0, "wave-dynamic")]})


def change_latency(run: Run, **changes: Any) -> None:
    """Changes the second measurement."""
    (latency,) = run.latencies
    keep, drop = latency.measurements
    measurements = [keep, drop.model_copy(update=changes)]
    run.latencies = [latency.model_copy(update={"measurements": measurements})]


def refused_reason(run: Run, **options: Any) -> str:
    device = device_of(run, **options)
    (refused,) = device.refused
    assert refused.point_id == f"{SMALL.candidate_id}/wave-dynamic"
    assert [point.blessed for point in device.points] == [True] and device.closed == []
    return refused.reason


def test_a_point_has_all_figures(run: Run) -> None:
    (converted,), (latency,) = run.converted, run.latencies
    point = point_of(device_of(run), SMALL)
    variant, timed = converted.variants[0], latency.measurements[0]
    assert (point.candidate_id, point.variant, point.input) == (SMALL.candidate_id, "wave-float32", "wave")
    assert (point.sha256, point.bytes, point.parameters) == (variant.sha256, 1_000_000, 123_456)
    assert (point.quality, point.quality_low, point.quality_high) == (0.75, 0.73, 0.77)
    # 0.75 / 0.8, and 0.75 - 0.8 with the 0.015 of the made-up comparison.
    assert point.quality_of_teacher == pytest.approx(0.9375)
    ends = (point.teacher_difference, point.teacher_difference_low, point.teacher_difference_high)
    assert ends == pytest.approx((-0.05, -0.065, -0.035))
    assert point.tasks == pytest.approx({"language": 0.70, "speaker": 0.75, "keyword": 0.80})
    assert (point.statistic, point.latency_ms) == ("median", 5.0)
    assert (point.latency_low_ms, point.latency_high_ms) == (4.95, 5.05)
    assert (point.latency_n, point.latency_sessions) == (750, 3)
    told = (point.p50_ms, point.p90_ms, point.p95_ms, point.p99_ms, point.mean_ms)
    assert told == pytest.approx((5.0, 5.5, 6.0, 7.0, 5.1))
    ratio = (point.latency_ratio, point.latency_ratio_low, point.latency_ratio_high)
    assert ratio == pytest.approx((0.5, 0.495, 0.505))
    assert point.real_time_factor == pytest.approx(0.005 / 0.96)
    assert (point.init_ms, point.peak_mib) == (2.0, timed.peak_mib)


def test_a_device_that_tells_means_only(run: Run) -> None:
    change_latency(run, p50_ms=None, p90_ms=None, p95_ms=None, p99_ms=None, peak_mib=None, statistic="mean")
    point = point_of(device_of(run), SMALL, "wave-dynamic")
    assert (point.statistic, point.latency_ms, point.p50_ms, point.p95_ms) == ("mean", 4.08, None, None)
    assert (point.peak_mib, point.mean_ms) == (None, 4.08)


def test_little_memory_and_quick_loading_are_no_flaws(run: Run) -> None:
    change_latency(run, peak_mib=0.0, init_ms=0.0)
    point = point_of(device_of(run), SMALL, "wave-dynamic")
    assert (point.peak_mib, point.init_ms) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("parity", "reason"),
    [
        (None, "parity: the file was not compared with its student"),
        ({"n": 0}, "parity: the file was not compared with its student"),
        ({"cosine_min": 1.2}, "parity: no cosine: cosine_min = 1.2"),
        ({"centred_cosine": math.nan}, "parity: no cosine: centred_cosine = nan"),
        (
            {"cosine_mean": 0.99998, "cosine_min": 0.9999, "centred_cosine": 0.148},
            "parity: without the mean embedding, the file agrees with its student by a cosine of 0.148 only, "
            "below 0.5",
        ),
    ],
)
def test_a_file_that_does_not_agree_with_its_student(
    run: Run, parity: dict[str, float] | None, reason: str
) -> None:
    keep, drop = run.converted[0].variants
    assert drop.parity is not None
    found = None if parity is None else drop.parity.model_copy(update=parity)
    variants = [keep, drop.model_copy(update={"parity": found})]
    run.converted = [run.converted[0].model_copy(update={"variants": variants})]
    assert refused_reason(run) == reason


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
    device = device_of(run)
    assert [point.candidate_id for point in device.points] == [TINY.candidate_id]
    assert [(each.point_id, each.reason) for each in device.refused] == [
        (SMALL.candidate_id, failed["failure"])
    ]


def test_what_a_search_left_out_is_not_refused() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]})
    left = {"failure": "left out by the search: too slow", "left_out": True, "variants": []}
    run.converted[0] = run.converted[0].model_copy(update=left)
    run.noss[0] = run.noss[0].model_copy(update={"results": []})
    device = device_of(run)
    assert [point.candidate_id for point in device.points] == [TINY.candidate_id]
    assert device.refused == []


def test_refused_without_noss(run: Run) -> None:
    first = run.noss[0].results[:1]
    run.noss[0] = NossReport(protocol=PROTOCOL, results=first)
    assert refused_reason(run) == "no NOSS result"
    run.noss[0] = NossReport(protocol=PROTOCOL, results=first, refused={"wave-dynamic": "it answers nan"})
    assert refused_reason(run) == "no NOSS result: it answers nan"


def test_refused_if_noss_heard_another_file(run: Run) -> None:
    keep, drop = run.noss[0].results
    run.noss[0] = NossReport(protocol=PROTOCOL, results=[keep, drop.model_copy(update={"sha256": "a" * 64})])
    assert refused_reason(run).startswith("NOSS was measured on another file: sha256 aaaaaaaaaaaa, not ")


@pytest.mark.parametrize("field", ["mean", "mean_low", "mean_high"])
def test_refused_if_quality_is_nan(run: Run, field: str) -> None:
    keep, drop = run.noss[0].results
    run.noss[0] = NossReport(protocol=PROTOCOL, results=[keep, drop.model_copy(update={field: math.nan})])
    assert refused_reason(run) == f"NOSS: not a finite number: {field} = nan"


def test_refused_if_a_score_is_nan(run: Run) -> None:
    keep, drop = run.noss[0].results
    tasks = [drop.tasks[0].model_copy(update={"score": math.nan}), *drop.tasks[1:]]
    run.noss[0] = NossReport(protocol=PROTOCOL, results=[keep, drop.model_copy(update={"tasks": tasks})])
    assert refused_reason(run) == "NOSS: not a finite number: language = nan"


def test_refused_if_evaluated_on_other_tasks(run: Run) -> None:
    keep, drop = run.noss[0].results
    other = make_result(drop.model, drop.mean, drop.variant, drop.sha256, tasks=("language", "speaker"))
    run.noss[0] = NossReport(protocol=PROTOCOL, results=[keep, other])
    assert refused_reason(run) == "NOSS tasks differ from the teacher's: missing ['keyword'], extra none"


def test_refused_without_latency(run: Run) -> None:
    (latency,) = run.latencies
    some = {"measurements": latency.measurements[:1]}
    run.latencies = [latency.model_copy(update=some)]
    assert refused_reason(run) == "no latency measurement"
    failures = {f"{SMALL.candidate_id}/wave-dynamic": "the process was killed"}
    run.latencies = [latency.model_copy(update={**some, "failures": failures})]
    assert refused_reason(run) == "no latency measurement: the process was killed"


def test_refused_if_another_file_was_timed(run: Run) -> None:
    change_latency(run, sha256="b" * 64)
    assert refused_reason(run).startswith("latency was measured on another file: sha256 bbbbbbbbbbbb, not ")


def test_refused_if_the_measurement_is_invalid(run: Run) -> None:
    change_latency(run, valid=False, reasons=["sessions disagree by 12 %", "the device throttled"])
    assert refused_reason(run) == "latency is invalid: sessions disagree by 12 %; the device throttled"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ratio": math.nan}, "latency: not a finite number: ratio = nan"),
        ({"p50_ms": 0.0}, "latency: not above zero: p50_ms = 0.0"),
        ({"p95_ms": math.inf}, "latency: not a finite number: p95_ms = inf"),
        ({"init_ms": math.nan}, "latency: not a finite number: init_ms = nan"),
        ({"peak_mib": math.nan}, "latency: not a finite number: peak_mib = nan"),
        ({"n": 0}, "latency: no timed invocation"),
        ({"ratio": 9.0}, "latency: ratio 9.0 outside its interval 0.396 to 0.404"),
    ],
)
def test_refused_if_latency_is_impossible(run: Run, change: dict[str, float], reason: str) -> None:
    change_latency(run, **change)
    assert refused_reason(run) == reason


def test_a_figure_that_is_an_axis_must_be_there(run: Run) -> None:
    change_latency(run, peak_mib=None)
    axes = (AxisSettings(metric="quality"), AxisSettings(metric="peak_mib"))
    assert refused_reason(run, axes=axes) == "peak_mib is an axis, but has no value"
    assert len(device_of(run).points) == 2


def test_a_variant_measured_on_other_clips_is_refused(run: Run) -> None:
    left_out = f"{SMALL.candidate_id}/wave-dynamic"
    everyone = make_comparison(run)
    comparison = everyone.model_copy(
        update={
            "against_teacher": [d for d in everyone.against_teacher if d.model != left_out],
            "not_comparable": [LeftOut(model=left_out, reason="other clips of speaker")],
        }
    )
    reason = refused_reason(run, comparison=comparison)
    assert reason == "not compared with the teacher: other clips of speaker"


def test_without_the_teacher_in_the_comparison_nothing_is_judged(run: Run) -> None:
    alone = make_comparison(run).model_copy(
        update={"against_teacher": [], "not_comparable": [LeftOut(model="teacher", reason="no samples")]}
    )
    device = device_of(run, comparison=alone)
    assert {each.reason for each in device.refused} == {
        "not compared with the teacher: teacher was left out: no samples"
    }
    assert device.closed == [
        f"no variant can compete: {SMALL.candidate_id}/wave-float32: not compared with the teacher: "
        "teacher was left out: no samples (2 refused)"
    ]


def test_no_teacher_is_an_error(run: Run) -> None:
    with pytest.raises(
        ValueError, match=r"exactly one NOSS result of the teacher, the report holds 0 \(models: none\)"
    ):
        teacher_result(NossReport(protocol="p", results=[]))


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
    with pytest.raises(ValueError, match="candidate ids must be unique, given more than once: small-"):
        verdict_of(run)


def test_reports_that_do_not_belong_together_are_an_error(run: Run) -> None:
    run.noss *= 2
    with pytest.raises(ValueError, match="1 converter reports but 2 NOSS reports"):
        verdict_of(run)


def test_a_control_is_no_line_beside_the_frontier() -> None:
    with pytest.raises(ValueError, match="'random' is a control; it cannot stand beside the frontier"):
        reference_quality(make_result("random", 0.2, kind="control"))
