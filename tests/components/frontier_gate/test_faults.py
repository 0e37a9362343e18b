"""Reports that contradict themselves, or one another, are refused by name; nothing of them is blessed."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from components.common.frontier.settings import Goal
from schemas.devices import Budget
from schemas.latency_reports import SessionConditions
from schemas.noss_reports import ProbeRun, SanityCheck
from schemas.tflite_reports import Parity
from schemas.verdicts import DeviceVerdict
from tests.components.frontier_gate.judging import SMALL, device_of, verdict_of
from tests.made_up_runs import Made, Run, make_comparison, make_run

NAME = f"{SMALL.candidate_id}/wave-float32"
LARGE_LIMITS = {
    "budgets": {"host": (Budget(percentile="p95", milliseconds=1e6, real_time_factor=1e6),)},
    "host_may_bless": True,
    "goals": (Goal(metric="bytes", limit=1e12), Goal(metric="init_ms", limit=1e9)),
}


@pytest.fixture
def run() -> Run:
    made = make_run({SMALL: [Made(0.75, 5.0), Made(0.74, 4.0, "wave-dynamic")]})
    reported(made, min_seconds=1.0)
    return made


def timed(run: Run, index: int = 0, **changes: Any) -> None:
    (latency,) = run.latencies
    measurements = list(latency.measurements)
    measurements[index] = measurements[index].model_copy(update=changes)
    run.latencies = [latency.model_copy(update={"measurements": measurements})]


def reported(run: Run, **changes: Any) -> None:
    run.latencies = [run.latencies[0].model_copy(update=changes)]


def judged(run: Run, **changes: Any) -> None:
    first, *others = run.noss[0].results
    run.noss[0] = run.noss[0].model_copy(update={"results": [first.model_copy(update=changes), *others]})


def on_task(run: Run, **changes: Any) -> None:
    first, *others = run.noss[0].results[0].tasks
    judged(run, tasks=[first.model_copy(update=changes), *others])


def converted(run: Run, **changes: Any) -> None:
    first, *others = run.converted[0].variants
    run.converted[0] = run.converted[0].model_copy(
        update={"variants": [first.model_copy(update=changes), *others]}
    )


NUMBERED = {"session_numbers": [1, 2, 3]}


def refused(run: Run, **options: Any) -> str:
    """Why the first variant is refused; the second one is blessed all the same."""
    device = device_of(run, **options)
    (one,) = device.refused
    assert one.point_id == NAME
    assert [point.blessed for point in device.points] == [True] and device.closed == []
    return one.reason


def closed(run: Run, **options: Any) -> DeviceVerdict:
    device = device_of(run, **options)
    assert device.closed and not device.blessed
    return device


def test_what_is_sound_is_blessed(run: Run) -> None:
    assert [point.blessed for point in device_of(run, **LARGE_LIMITS).points] == [True, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid": True, "reasons": ["the device throttled"]}, "called valid, with reasons against it"),
        ({"sessions": 1}, "3 sessions were requested, it says 1"),
        ({"sessions": 4}, "3 sessions were requested, it says 4"),
        ({"session_ms": [5.0, 5.0]}, "has figures of 2"),
        ({"session_ms": []}, "has figures of 0"),
        ({"session_ms": [5.0, math.nan, 5.0]}, r"not a finite number: session_ms\[1\]"),
        ({"session_ms": [50.0, 50.0, 50.0]}, "the mean of its sessions"),
        ({"session_numbers": [1, 2, 2]}, "names a session twice"),
        ({"round_ms": [[5.0], [5.0]], **NUMBERED}, "rounds of 2 sessions, names 3 and has figures of 3"),
        ({"round_ms": [[4.95], [5.0], []], **NUMBERED}, "session 3 has no round"),
        ({"round_ms": [[4.95], [5.0, -1.0], [5.05]], **NUMBERED}, r"zero: round_ms\[1\] of session 2"),
        ({"round_ms": [[4.95], [5.0, math.nan], [5.05]], **NUMBERED}, "not a finite number: round_ms"),
        ({"round_ms": [[1.0], [5.0], [5.05]], **NUMBERED}, "4.95 ms, but the median of its rounds is 1"),
        ({"ratio_low": 0.1, "ratio_high": 0.9}, "its sessions disagree by 200.0% either way"),
        ({"disagreement": -0.5}, "below zero: disagreement"),
        ({"n": 10}, "n times mean_ms"),
        ({"n": 100, "seconds": 0.51}, "too few: 100 timed invocations"),
        ({"n": 200, "seconds": 1.02}, "too short: 1.02 timed seconds"),
        ({"seconds": math.inf}, "not a finite number: seconds"),
        ({"seconds": 1e6}, "n times mean_ms"),
        ({"p50_ms": "5"}, "does not follow its schema: p50_ms"),
        ({"n": True}, "does not follow its schema: n"),
        ({"p90_ms": 1.0}, "p90_ms 1 is below p50_ms 5"),
        ({"p95_ms": 0.001}, "p95_ms 0.001 is below p90_ms"),
        ({"p99_ms": 5.1}, "p99_ms 5.1 is below p95_ms"),
        ({"mean_ms": 0.001, "seconds": 7.5e-4}, "mean_ms 0.001 is below half of p50_ms 5"),
        ({"mean_ms": -1.0}, "not above zero: mean_ms"),
        ({"statistic": "mean"}, "called a mean, and it is not"),
        ({"spread_low_ms": 50.0, "spread_high_ms": 60.0}, "typical latency 5.0 outside its interval"),
        ({"ratio": 0.1, "ratio_low": 0.09, "ratio_high": 0.11}, "its ratio is 0.1, but its sessions"),
        ({"ratio": 0.4, "ratio_low": 0.39, "ratio_high": 0.41}, "its ratio is 0.4, but its sessions"),
        ({"ratio": 1e-9, "ratio_low": 1e-9, "ratio_high": 1.0}, "its ratio is 1e-09"),
        ({"ratio_low": 0.6}, "ratio 0.5 outside its interval"),
        ({"sound_seconds": -0.96}, "below zero: sound_seconds"),
        ({"sound_seconds": math.inf}, "not a finite number: sound_seconds"),
        ({"sound_seconds": 1e9}, "takes 1000000000.0 s, but its front end 0.96 s"),
        ({"init_ms": -1.0}, "below zero: init_ms"),
        ({"first_ms": -1.0}, "below zero: first_ms"),
        ({"peak_mib": -100.0}, "below zero: peak_mib"),
        ({"bytes": 0}, "not above zero: bytes"),
        ({"bytes": 10}, "of 10 bytes, not this wave file of 1000000"),
        ({"input": "core"}, "timed a core file"),
        ({"input": None}, "timed a None file"),
        ({"attempts": 0}, "of its 3 sessions 0 are reported"),
        ({"attempts": 2}, "of its 3 sessions 0 are reported"),
        ({"session_numbers": [1, 2, 9]}, "of its 3 sessions 2 are reported"),
        ({"front_end_low_ms": 3.0, "front_end_ms": 2.0, "front_end_high_ms": 4.0}, "front_end_ms 2 is below"),
        ({"sha256": ""}, "latency was measured on another file"),
    ],
)  # fmt: skip
def test_a_measurement_that_contradicts_itself(run: Run, changes: dict[str, Any], words: str) -> None:
    timed(run, **changes)
    reason = refused(run)
    assert reason.startswith("latency")
    assert re.search(words, reason), reason


def test_operators_are_shares(run: Run) -> None:
    operators = run.latencies[0].measurements[0].operators
    timed(run, operators=[operators[0].model_copy(update={"share": 1.5}), *operators[1:]])
    assert "operator conv_1: not between 0 and 1: share = 1.5" in refused(run)
    timed(run, operators=operators * 2)
    assert "shares come to 2" in refused(run)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"valid": False, "reasons": ["throttled"]}, {}),
        ({"p50_ms": 50.0}, {}),
    ],
)
def test_a_measurement_that_is_given_twice(run: Run, first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = run.latencies[0].measurements
    for pair in ((first, second), (second, first)):
        reported(run, measurements=[*(one.model_copy(update=update) for update in pair), other])
        assert refused(run)


def test_a_measurement_that_also_failed(run: Run) -> None:
    reported(run, failures={NAME: "it crashed"})
    assert refused(run) == "latency: it is also reported to have failed: it crashed"


def conditions(run: Run, number: int, /, **changes: Any) -> list[SessionConditions]:
    return [
        one.model_copy(update=changes) if one.session == number else one
        for one in run.latencies[0].conditions
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"throttled": True}, "session 2: the device throttled"),
        ({"reasons": ["the reference moved"]}, "session 2: the reference moved"),
        ({"reference_ms": None}, "session 2: the reference model has no figure"),
        ({"reference_ms": 0.0}, "session 2: not above zero: reference_ms"),
        ({"reference_ms": math.nan}, "session 2: not a finite number: reference_ms"),
        ({"reference_ms": 20.0}, "100.0% apart, at most 25.0%"),
        ({"drift": -1.0}, "session 2: not above zero: drift"),
        ({"session": 1}, "session 1 is reported 2 times"),
        ({"attempt": 2}, "its sessions are not those that are reported"),
        ({"reference_mean_ms": 30.0}, "session 2: the host was busy"),
    ],
)
def test_a_session_that_cannot_be_believed_closes_the_device(
    run: Run, changes: dict[str, Any], words: str
) -> None:
    reported(run, conditions=conditions(run, 2, **changes))
    assert words in " ".join(closed(run).closed)


def test_each_measurement_stands_by_its_own_sessions(run: Run) -> None:
    throttled = conditions(run, 2, throttled=True, reasons=["the device throttled"])
    again = run.latencies[0].conditions[1].model_copy(update={"attempt": 2, "session": 4})
    reference = run.latencies[0].reference
    assert reference is not None
    reference = reference.model_copy(update={"attempts": 2, "session_numbers": [1, 3, 4]})
    reported(run, conditions=[*throttled, again], reference=reference)
    timed(run, index=1, attempts=2, session_numbers=[1, 3, 4])
    # The first variant says that its figures are of the session that was throttled.
    timed(run, index=0, session_numbers=[1, 2, 3])
    assert refused(run) == "latency: session 2: the device throttled"
    timed(run, index=0, attempts=2, session_numbers=[1, 3, 4])
    assert [point.blessed for point in device_of(run).points] == [True, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"failure": "the device is gone"}, "and has figures"),
        ({"lost": "no device R5CT"}, "the device was lost before the end: no device R5CT"),
        ({"reference": None}, "the reference model was not timed"),
        ({"sessions": 1}, "too few to tell anything"),
        ({"rounds": 0}, "too few to tell anything"),
        ({"min_seconds": math.nan}, "too few to tell anything"),
        ({"conditions": []}, "its sessions are not those that are reported"),
    ],
)
def test_a_report_that_contradicts_itself(run: Run, changes: dict[str, Any], words: str) -> None:
    reported(run, **changes)
    assert words in " ".join(closed(run).closed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid": False, "reasons": ["throttled"]}, "the reference model: throttled"),
        ({"valid": False}, "no reason given"),
        ({"reasons": ["throttled"]}, "called valid, with reasons against it: throttled"),
        ({"sha256": ""}, "is not a sha256"),
        ({"sha256": "z" * 64}, "is not a sha256"),
        ({"n": 3, "seconds": 0.0306}, "too few"),
        ({"p50_ms": math.inf}, "not a finite number: p50_ms"),
        ({"ratio": 2.0, "ratio_low": 1.9, "ratio_high": 2.1}, "its ratio to itself is 2"),
        ({"input": "wave"}, "called a wave file"),
        (
            {
                "session_ms": [30.0] * 3,
                "p50_ms": 30.0,
                "p90_ms": 30.0,
                "p95_ms": 30.0,
                "p99_ms": 30.0,
                "mean_ms": 30.0,
                "spread_low_ms": 29.0,
                "spread_high_ms": 31.0,
                "seconds": 22.5,
            },
            "its sessions are not those that are reported",
        ),
    ],
)
def test_a_reference_that_cannot_be_believed(run: Run, changes: dict[str, Any], words: str) -> None:
    reference = run.latencies[0].reference
    assert reference is not None
    reported(run, reference=reference.model_copy(update=changes))
    assert words in " ".join(closed(run).closed)


@pytest.mark.parametrize(
    ("device", "changes"),
    [
        ("host", {"is_device": True}),
        ("host", {"backend": "adb", "is_device": True}),
        ("host", {"os": "Android 15"}),
        ("host", {"os": ""}),
        ("host", {"runtime": "benchmark_model 0123"}),
        ("host", {"name": ""}),
        ("host", {"threads": 0}),
        ("phone", {"is_device": False}),
        ("phone", {"backend": "host"}),
        ("phone", {"backend": "host", "is_device": False}),
        ("phone", {"os": "Linux 6"}),
        ("phone", {"runtime": "LiteRT 2.3.0"}),
    ],
)
def test_a_record_is_what_its_machine_says(device: str, changes: dict[str, Any]) -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]}, devices={device: 1.0})
    assert device_of(run).blessed
    machine = run.latencies[0].machine.model_copy(update={**changes, "replayed_from": "records/x"})
    reported(run, machine=machine)
    budgets = {device: (Budget(milliseconds=1e6),)}
    assert "the latency report is inconsistent: " in closed(run, budgets=budgets).closed[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": 7.5, "mean_high": 8.0}, "not between 0 and 1: mean = 7.5"),
        ({"mean": -0.5, "mean_low": -0.6}, "not between 0 and 1: mean = -0.5"),
        ({"mean": 0.76}, "mean is 0.76, but its tasks' scores have the mean 0.75"),
        ({"mean_low": 0.76}, "mean 0.75 outside its interval 0.76 to 0.77"),
        ({"mean_high": 0.74}, "mean 0.75 outside its interval"),
        ({"clips": 0}, "not above zero: clips"),
        ({"windows": 0}, "windows = 0"),
        ({"embedding_dim": 0}, "embedding_dim = 0"),
        ({"kind": "teacher"}, "it is the result of a teacher"),
        ({"mean": "0.75"}, "does not follow its schema: mean"),
        ({"tasks": None}, "does not follow its schema: tasks"),
    ],
)
def test_a_result_that_contradicts_itself(run: Run, changes: dict[str, Any], words: str) -> None:
    comparison = make_comparison(run)
    judged(run, **changes)
    assert words in refused(run, comparison=comparison)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_test": 0}, "language: not above zero: n_test = 0"),
        ({"n_train": 0}, "n_train = 0"),
        ({"n_validation": -1}, "n_validation = -1"),
        ({"n_test": 61}, "n_test is 61, the teacher's 60"),
        ({"n_classes": 1}, "language: 1 classes"),
        ({"n_speakers_test": 61}, "61 speakers of 60 test clips"),
        ({"n_used": 10}, "60 test clips of 10 that were used"),
        ({"n_original": 10}, "210 clips used of 10"),
        ({"value": 1.5, "high": 1.6}, "not between 0 and 1: value = 1.5"),
        ({"low": 0.71}, "value 0.7 outside its interval 0.71 to"),
        ({"score": 0.9}, "score is 0.9, but its accuracy makes it 0.7"),
        ({"metric": "equal_error_rate"}, "its equal_error_rate makes it 0.3"),
        ({"metrics": {"accuracy": 0.9}}, "accuracy is 0.9, but its value is 0.7"),
        ({"metrics": {"auc": 1.2}}, "not between 0 and 1: auc = 1.2"),
        ({"chance": -0.1}, "chance = -0.1"),
        ({"d_prime": math.inf}, "not a finite number: d_prime"),
        ({"data_digest": ""}, "data_digest '' is not a digest"),
        ({"task_digest": ""}, "task_digest '' is not a digest"),
        ({"data_digest": "e" * 64}, "data_digest is 'eee"),
        ({"task_digest": "e" * 16}, "task_digest is 'eee"),
        ({"task_version": 2}, "task_version is 2, the teacher's 1"),
        ({"synthetic": False}, "synthetic is False, the teacher's True"),
    ],
)
def test_a_task_that_contradicts_itself_or_the_teachers(
    run: Run, changes: dict[str, Any], words: str
) -> None:
    on_task(run, **changes)
    assert words in refused(run)


def test_a_task_that_decides_for_one_model_only(run: Run) -> None:
    on_task(run, shown_only="a speaker is in two splits")
    judged(run, mean=0.775, mean_high=0.8)  # of the other two tasks, 0.75 and 0.80
    assert "language: it enters the mean of one of the two and not that of the other" in refused(run)


def test_the_runs_of_a_task_have_its_value_for_a_mean(run: Run) -> None:
    probe = ProbeRun(seed=0, fold="", probe="lda", parameter=1, validation=1, value=0.2, n_train=1,
                     n_validation=1, n_test=1)  # fmt: skip
    on_task(run, runs=[probe])
    assert "value is 0.7, but its runs have the mean 0.2" in refused(run)
    on_task(run, runs=[probe.model_copy(update={"value": 0.7, "n_test": 0})])
    assert "run 0: not above zero: n_test = 0" in refused(run)


def test_results_that_contradict_the_rest_of_their_report(run: Run) -> None:
    honest, (first, second) = run.noss[0], run.noss[0].results
    for twice in ([first, first, second], [first.model_copy(update={"mean": 0.1}), first, second]):
        run.noss[0] = honest.model_copy(update={"results": twice})
        assert "it is reported more than once" in refused(run)
    run.noss[0] = honest.model_copy(update={"refused": {"wave-float32": "it answers nan"}})
    assert "it is also reported to be refused: it answers nan" in refused(run)


def test_a_protocol_that_leaks_decides_nothing(run: Run) -> None:
    leak = SanityCheck(
        check="shuffled labels", task="language", value=0.9, chance=0.2, limit=0.3, passed=True
    )
    run.noss[0] = run.noss[0].model_copy(update={"sanity": [leak]})
    device = closed(run)
    assert all("its protocol leaks" in one.reason for one in device.refused)


def test_another_protocol_than_the_teachers(run: Run) -> None:
    run.noss[0] = run.noss[0].model_copy(update={"protocol": "chosen on test"})
    assert all("by another protocol" in one.reason for one in closed(run).refused)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parity": None}, "parity: the file was not compared with its student"),
        ({"reason": "cosine too low"}, "called accepted, with a reason against it"),
        ({"bytes": 0}, "not above zero: bytes = 0"),
        ({"bytes": -5}, "not above zero: bytes = -5"),
        ({"file": ""}, "it has no file"),
        ({"precision": "int8"}, "its name is not that of a wave file of precision int8"),
        ({"input": "core"}, "its name is not that of a core file"),
        ({"outputs": []}, "1 inputs and 0 outputs"),
        ({"sha256": ""}, "is not a sha256"),
        ({"sha256": "A" * 64}, "is not a sha256"),
    ],
)
def test_a_file_that_its_report_contradicts(run: Run, changes: dict[str, Any], words: str) -> None:
    converted(run, **changes)
    assert words in refused(run)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 0}, "the file was not compared with its student"),
        ({"cosine_min": math.nan}, "no cosine: cosine_min = nan"),
        ({"cosine_mean": 1.5}, "no cosine: cosine_mean = 1.5"),
        ({"cosine_mean": 0.5}, "cosine_min 0.999 is above cosine_mean 0.5"),
        ({"max_abs_difference": -1.0}, "below zero: max_abs_difference"),
    ],
)
def test_a_parity_that_cannot_be(run: Run, changes: dict[str, Any], words: str) -> None:
    honest = run.converted[0].variants[0].parity
    assert isinstance(honest, Parity)
    converted(run, parity=honest.model_copy(update=changes))
    assert words in refused(run)


def test_a_file_that_is_converted_twice(run: Run) -> None:
    variants = run.converted[0].variants
    run.converted[0] = run.converted[0].model_copy(update={"variants": [variants[0], *variants]})
    device = device_of(run)
    assert [one.reason for one in device.refused] == [
        "the converter's report: it is reported more than once"
    ] * 2
    assert [point.variant for point in device.blessed] == ["wave-dynamic"]


def test_an_answer_that_is_not_finite(run: Run) -> None:
    (heard,) = run.converted[0].variants[0].behaviour
    converted(run, behaviour=[heard.model_copy(update={"finite": False})])
    assert "its answer to silence is not finite" in refused(run)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"difference": 0.5, "high": 0.6}, "difference is 0.5, but the means differ by -0.05"),
        ({"low": 0.0}, "difference -0.05 outside its interval 0.0 to"),
        ({"low": math.nan}, "not a finite number: low"),
        ({"against": "logmel"}, "the difference from 'logmel', not from 'teacher'"),
    ],
)
def test_a_comparison_that_contradicts_the_result(run: Run, changes: dict[str, Any], words: str) -> None:
    comparison = make_comparison(run)
    first, *others = comparison.against_teacher
    told = [first.model_copy(update={"difference": -0.05, **changes}), *others]
    assert words in refused(run, comparison=comparison.model_copy(update={"against_teacher": told}))
    twice = comparison.model_copy(update={"against_teacher": [first, first, *others]})
    assert "compared with the teacher 2 times" in refused(run, comparison=twice)


def test_a_comparison_with_other_figures_of_a_model(run: Run) -> None:
    comparison = make_comparison(run)
    judged(run, mean_low=0.74)
    teacher, first, *others = comparison.models
    other = [teacher, first.model_copy(update={"mean": 0.9}), *others]
    assert "the comparison has other figures of it" in refused(
        run, comparison=comparison.model_copy(update={"models": other})
    )


@pytest.mark.parametrize("changes", [{"mean": 0.1}, {"mean_low": 0.9}, {"clips": 0}, {"tasks": []}])
def test_a_teacher_that_contradicts_itself_stops_the_gate(run: Run, changes: dict[str, Any]) -> None:
    comparison = make_comparison(run)
    (teacher,) = run.teacher.results
    run.teacher = run.teacher.model_copy(update={"results": [teacher.model_copy(update=changes)]})
    with pytest.raises(ValueError, match="the teacher 'teacher' cannot be a reference: "):
        verdict_of(run, comparison=comparison)


def test_a_baseline_of_other_clips_stops_the_gate(run: Run) -> None:
    (baseline,) = run.baselines[0].results
    tasks = [task.model_copy(update={"data_digest": "e" * 16}) for task in baseline.tasks]
    run.baselines = [
        run.baselines[0].model_copy(update={"results": [baseline.model_copy(update={"tasks": tasks})]})
    ]
    with pytest.raises(
        ValueError, match=r"baseline 'logmel' cannot be compared with the teacher: .*data_digest"
    ):
        verdict_of(run)
