"""Goals and budgets: limits by hand, what they are held against, and what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from components.common.frontier.settings import Goal, Slice
from components.common.tracking.registered import RegisteredVersion, unknown_champion
from schemas.comparison_reports import ModelSlices, NossComparison
from schemas.devices import Budget
from schemas.noss_reports import SliceFigure, TfmaSummary
from schemas.verdicts import GoalResult
from tests.components.frontier_gate.judging import (
    LARGE,
    SMALL,
    TINY,
    device_of,
    point_of,
    registered_from,
    verdict_of,
)
from tests.made_up_runs import Made, Run, make_comparison, make_run

SMALL_WAVE, TINY_WAVE = f"{SMALL.candidate_id}/wave-float32", f"{TINY.candidate_id}/wave-float32"


@pytest.fixture
def run() -> Run:
    """Quality 0.75 in 5 ms, 0.70 in 2 ms; the teacher has 0.8, the baseline 'logmel' 0.6.

    A task's score is 0.05 less, the same, or 0.05 more than the mean: language, speaker, keyword. Quality has
    no interval, so that it is the limits that decide.
    """
    return make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]}, doubt=0)


def results(run: Run, goal: Goal, **options: Any) -> list[GoalResult]:
    """What happens to a goal: of the small and of the tiny student."""
    device = device_of(run, goals=(goal,), host_may_bless=True, **options)
    return [point_of(device, spec).goals[0] for spec in (SMALL, TINY)]


@pytest.mark.parametrize(
    ("goal", "text", "values", "limit", "met"),
    [
        ({"metric": "quality", "limit": 0.75}, "quality at least 0.75", [0.75, 0.7], 0.75, [True, False]),
        (
            {"metric": "quality", "task": "language", "limit": 0.66},
            "language score at least 0.66",
            [0.7, 0.65],
            0.66,
            [True, False],
        ),
        ({"metric": "latency", "limit": 5}, "p50 latency at most 5 ms", [5.0, 2.0], 5, [True, True]),
        # p90 is 1.1, p99 1.4, the mean 1.02 times the median.
        (
            {"metric": "latency", "percentile": "p90", "limit": 5},
            "p90 latency at most 5 ms",
            [5.5, 2.2],
            5,
            [False, True],
        ),
        (
            {"metric": "latency", "percentile": "p99", "limit": 2.79},
            "p99 latency at most 2.79 ms",
            [7.0, 2.8],
            2.79,
            [False, False],
        ),
        (
            {"metric": "latency", "percentile": "mean", "limit": 5.1},
            "mean latency at most 5.1 ms",
            [5.1, 2.04],
            5.1,
            [True, True],
        ),
        # The reference takes 10 ms.
        (
            {"metric": "latency_ratio", "limit": 0.3},
            "latency ratio at most 0.3 x the reference network",
            [0.5, 0.2],
            0.3,
            [False, True],
        ),
        # 5 ms for 0.96 s.
        (
            {"metric": "real_time_factor", "limit": 0.005},
            "real-time factor at most 0.005",
            [0.0052083, 0.0020833],
            0.005,
            [False, True],
        ),
        ({"metric": "init_ms", "limit": 1.5}, "init at most 1.5 ms", [2.0, 2.0], 1.5, [False, False]),
        (
            {"metric": "bytes", "limit": 1_000_000},
            "file size at most 1,000,000 bytes",
            [1e6, 1e6],
            1e6,
            [True, True],
        ),
        (
            {"metric": "peak_mib", "limit": 5.9},
            "peak memory at most 5.9 MiB",
            [5.9537, 5.9537],
            5.9,
            [False, False],
        ),
        # 0.8 - 0.05 = 0.75; 0.8 * 0.9 = 0.72.
        (
            {"metric": "quality", "kind": "max_degradation", "limit": 0.05},
            "quality at most 0.05 worse than that of the teacher: at least 0.75, it has 0.8",
            [0.75, 0.7],
            0.75,
            [True, False],
        ),
        (
            {"metric": "quality", "kind": "max_degradation", "limit": 0.1, "relative": True},
            "quality at most 10 % worse than that of the teacher: at least 0.72, it has 0.8",
            [0.75, 0.7],
            0.72,
            [True, False],
        ),
        (
            {"metric": "quality", "kind": "min_improvement", "against": "logmel", "limit": 0.12},
            "quality at least 0.12 better than that of logmel: at least 0.72, it has 0.6",
            [0.75, 0.7],
            0.72,
            [True, False],
        ),
        # 0.65 * 1.2 = 0.78.
        (
            {
                "metric": "quality",
                "task": "keyword",
                "kind": "min_improvement",
                "against": "logmel",
                "limit": 0.2,
                "relative": True,
            },
            "keyword score at least 20 % better than that of logmel: at least 0.78, it has 0.65",
            [0.8, 0.75],
            0.78,
            [True, False],
        ),
        # 5 ms * (1 - 0.5) = 2.5 ms; at most 1 ms worse than 2 ms is 3 ms.
        (
            {
                "metric": "latency",
                "kind": "min_improvement",
                "against": SMALL_WAVE,
                "limit": 0.5,
                "relative": True,
            },
            f"p50 latency at least 50 % better than that of {SMALL_WAVE}: at most 2.5 ms, it has 5",
            [5.0, 2.0],
            2.5,
            [False, True],
        ),
        (
            {"metric": "latency", "kind": "max_degradation", "against": TINY_WAVE, "limit": 1},
            f"p50 latency at most 1 ms worse than that of {TINY_WAVE}: at most 3 ms, it has 2",
            [5.0, 2.0],
            3.0,
            [False, True],
        ),
    ],
)
def test_kinds(
    run: Run, goal: dict[str, Any], text: str, values: list[float], limit: float, met: list[bool]
) -> None:
    found = results(run, Goal(**goal))
    assert [result.goal for result in found] == [text] * 2
    assert [result.value for result in found] == pytest.approx(values, rel=1e-4)
    assert [result.limit for result in found] == pytest.approx([limit] * 2)
    assert [result.met for result in found] == met
    assert [result.note for result in found] == ["", ""]


def test_rounding_does_not_decide(run: Run) -> None:
    # In floating point 0.8 - 0.1 is above 0.7.
    quality = Goal(metric="quality", kind="max_degradation", limit=0.1)
    assert results(run, quality)[1].met
    faster = {"kind": "min_improvement", "against": SMALL_WAVE, "relative": True}
    p90 = Goal(metric="latency", percentile="p90", limit=0.6, **faster)
    assert results(run, p90)[1].met
    assert not results(run, p90.model_copy(update={"limit": 0.6001}))[1].met


def test_the_percentile_decides_and_what_is_not_told_is_not_met(run: Run) -> None:
    (latency,) = run.latencies
    told_less = [
        measured.model_copy(update={"p50_ms": None, "p90_ms": None, "p99_ms": None, "statistic": "mean"})
        for measured in latency.measurements
    ]
    run.latencies = [latency.model_copy(update={"measurements": told_less})]
    (small, _) = results(run, Goal(metric="latency", percentile="p90", limit=100))
    assert (small.value, small.met) == (None, False)
    assert small.note == "the device does not report p90; it reports p95, mean"
    (small, _) = results(run, Goal(metric="latency", percentile="p95", limit=6.0))
    assert (small.value, small.met) == (6.0, True)


def test_memory_that_the_device_does_not_tell(run: Run) -> None:
    (latency,) = run.latencies
    untold = [measured.model_copy(update={"peak_mib": None}) for measured in latency.measurements]
    run.latencies = [latency.model_copy(update={"measurements": untold})]
    device = device_of(run, goals=(Goal(metric="peak_mib", limit=100),))
    assert device.points[0].goals[0].note == "the device does not report peak memory"
    assert device.points[0].reasons[0] == (
        "misses: peak memory at most 100 MiB (the device does not report peak memory)"
    )
    assert device.closed[0].startswith("no point meets all goals")


def test_a_goal_may_judge_one_input_or_one_device_only() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0), Made(0.75, 4.0, "core-float32")]})
    wave, core = device_of(
        run, goals=(Goal(metric="latency", limit=1, input="core"),), host_may_bless=True
    ).points
    assert (wave.goals, wave.blessed) == ([], True)
    assert core.goals[0].goal == "p50 latency at most 1 ms (core only)" and not core.blessed

    run = make_run({SMALL: [Made(0.75, 5.0)]}, devices={"pixel": 1.0, "watch": 4.0})
    verdict = verdict_of(run, goals=(Goal(metric="latency", limit=1, devices=("watch",)),))
    assert [len(device.points[0].goals) for device in verdict.devices] == [0, 1]


@pytest.mark.parametrize(
    ("budget", "goals"),
    [
        (Budget(percentile="p90", milliseconds=5.4), [("budget: p90 latency at most 5.4 ms", 5.5, False)]),
        (
            Budget(percentile="p50", real_time_factor=0.006, input="wave"),
            [("budget: p50 real-time factor at most 0.006 (wave only)", 0.0052083, True)],
        ),
        # p99 is 7 ms, of 960 ms.
        (
            Budget(percentile="p99", milliseconds=8, real_time_factor=0.007),
            [
                ("budget: p99 latency at most 8 ms", 7.0, True),
                ("budget: p99 real-time factor at most 0.007", 0.0072917, False),
            ],
        ),
        (Budget(percentile="p90", milliseconds=1, input="core"), []),
    ],
)
def test_budgets_are_goals(budget: Budget, goals: list[tuple[str, float, bool]]) -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]}, devices={"pixel": 1.0})
    (point,) = device_of(run, budgets={"pixel": (budget,)}).points
    assert [(goal.goal, goal.met) for goal in point.goals] == [(text, met) for text, _, met in goals]
    assert [goal.value for goal in point.goals] == pytest.approx([value for _, value, _ in goals], rel=1e-4)
    assert point.blessed == all(met for _, _, met in goals)


def test_a_budget_of_sound_needs_the_length_of_a_window() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]}, devices={"pixel": 1.0})
    (latency,) = run.latencies
    mute = [measured.model_copy(update={"sound_seconds": 0.0}) for measured in latency.measurements]
    run.latencies = [latency.model_copy(update={"measurements": mute})]
    (point,) = device_of(run, budgets={"pixel": (Budget(real_time_factor=1),)}).points
    assert not point.goals[0].met
    assert point.goals[0].note == "the measurement does not tell how much sound an invocation takes"


def with_intervals(run: Run, high: float) -> Run:
    """Every percentile's interval reaches so many times its figure."""
    (latency,) = run.latencies
    measurements = [
        one.model_copy(
            update={
                "intervals_ms": {
                    name: (figure * 0.9, figure * high)
                    for name in ("p50", "p90", "p95", "p99", "mean")
                    if (figure := getattr(one, f"{name}_ms"))
                }
            }
        )
        for one in latency.measurements
    ]
    run.latencies[0] = latency.model_copy(update={"measurements": measurements})
    return run


@pytest.mark.parametrize(
    ("budget", "met", "reaches"),
    [
        # The small one has p95 6 ms, its interval reaches 7.2; as 0.96 s of sound 0.00625 and 0.0075.
        (Budget(percentile="p95", milliseconds=7.3), True, ""),
        (Budget(percentile="p95", milliseconds=7.1), False, "it has 6, and its 95 % interval reaches 7.2"),
        (Budget(percentile="p95", real_time_factor=0.0076), True, ""),
        (Budget(percentile="p95", real_time_factor=0.0074), False, "interval reaches 0.0075"),
        (Budget(percentile="p50", milliseconds=5.5), False, "it has 5, and its 95 % interval reaches 6"),
        (Budget(percentile="mean", milliseconds=6.0), False, "interval reaches 6.12"),
    ],
)
def test_a_budget_is_kept_by_the_upper_end(run: Run, budget: Budget, met: bool, reaches: str) -> None:
    device = device_of(with_intervals(run, 1.2), budgets={"host": (budget,)}, host_may_bless=True)
    (goal,) = point_of(device, SMALL).goals
    assert goal.met is met
    assert reaches in goal.note
    if not met:
        assert goal.outcome == "undecided" and goal.note.startswith("measure longer: ")
        assert "would tell (latency.sessions)" in goal.note


def test_how_much_longer_is_told(run: Run) -> None:
    """log 1.2 = t(2) s / root 3 makes s 0.0734; t(3) s / 2 = 0.1168, and 6.74 / 6 = exp 0.1163 is less."""
    for limit, words in (
        (6.75, "with the spread of these 3 sessions, 4 would tell"),
        (6.74, "5 would tell"),
        (6.0001, "not even 100 sessions would tell"),
    ):
        budget = Budget(percentile="p95", milliseconds=limit)
        device = device_of(with_intervals(run, 1.2), budgets={"host": (budget,)}, host_may_bless=True)
        assert words in point_of(device, SMALL).goals[0].note
    missed = device_of(
        with_intervals(run, 1.2),
        budgets={"host": (Budget(percentile="p95", milliseconds=5.9),)},
        host_may_bless=True,
    )
    assert point_of(missed, SMALL).goals[0].outcome == "missed"
    assert point_of(missed, SMALL).goals[0].note == "", "more than the budget already: plainly missed"


@pytest.mark.parametrize("metric", ["latency", "real_time_factor"])
def test_a_goal_in_seconds_is_a_budget_too(run: Run, metric: str) -> None:
    limit = 5.5 if metric == "latency" else 5.5 / 960
    small, tiny = results(with_intervals(run, 1.2), Goal.model_validate({"metric": metric, "limit": limit}))
    assert (small.met, tiny.met) == (False, True)
    assert small.outcome == "undecided" and small.note.startswith("measure longer")


@pytest.mark.parametrize(("metric", "figure"), [("init_ms", 2.0), ("peak_mib", 6.0)])
def test_a_limit_on_cold_starts_is_kept_by_their_upper_end(run: Run, metric: str, figure: float) -> None:
    (latency,) = run.latencies
    ends = {"init_low_ms": 1.9, "init_high_ms": 2.3, "peak_low_mib": 5.9, "peak_high_mib": 6.9}
    measurements = [one.model_copy(update={"peak_mib": 6.0, **ends}) for one in latency.measurements]
    run.latencies[0] = latency.model_copy(update={"measurements": measurements})
    for share, met in ((1.2, True), (1.1, False)):
        goal = Goal.model_validate({"metric": metric, "limit": figure * share})
        assert [one.met for one in results(run, goal)] == [met, met]
    assert results(run, goal)[0].outcome == "undecided"
    assert results(run, goal)[0].note.startswith("measure longer: ")


def test_against_the_champion(run: Run) -> None:
    # The champion takes 4 ms and has 0.74; its file is none of this run's.
    champion = registered_from(make_run({LARGE: [Made(0.74, 4.0)]}, doubt=0), "3", ("champion",))
    goal = Goal(metric="latency", kind="max_degradation", against="champion", limit=0.05, relative=True)
    small, tiny = results(run, goal, registered=(champion,))
    assert small.goal == (
        "p50 latency at most 5 % worse than that of tinytrill-host v3 (champion): at most 4.2 ms, it has 4"
    )
    assert (small.met, tiny.met) == (False, True)

    quality = Goal(metric="quality", kind="min_improvement", against="champion", limit=0.01)
    assert [result.met for result in results(run, quality, registered=(champion,))] == [True, False]
    task = quality.model_copy(update={"task": "keyword"})
    assert results(run, task, registered=(champion,))[0].limit == pytest.approx(0.80)


@pytest.mark.parametrize(("without", "met"), [("pass", True), ("fail", False)])
def test_without_a_champion_the_setting_decides(run: Run, without: str, met: bool) -> None:
    goal = Goal(metric="bytes", kind="max_degradation", against="champion", limit=0, without_champion=without)
    challenger = registered_from(make_run({LARGE: [Made(0.74, 4.0)]}), "3", ("candidate",))
    core = registered_from(make_run({LARGE: [Made(0.74, 4.0, "core-float32")]}), "5", ("champion",))
    for registered in ((), (challenger,), (core,)):
        for result in results(run, goal, registered=registered):
            assert (result.met, result.limit, result.value) == (met, None, 1e6)
            assert result.goal == "file size at most 0 bytes worse than that of champion"
            assert result.note == "no champion is registered for this device and input"


@pytest.mark.parametrize("without", ["pass", "fail"])
def test_a_champion_that_does_not_compare_is_not_absent(run: Run, without: str) -> None:
    goal = Goal(metric="bytes", kind="max_degradation", against="champion", limit=0, without_champion=without)
    champion = registered_from(make_run({LARGE: [Made(0.74, 4.0)]}), "3", ("champion",))
    assert champion.standing is not None
    machine = champion.standing.machine
    phone = make_run({LARGE: [Made(0.74, 4.0)]}, devices={"p": 1})
    cases = {
        "measured on adb": registered_from(phone, "4", ("champion",)),
        "measured on host": other(champion, machine=machine.model_copy(update={"runtime": "LiteRT 2.4.0"})),
        "measured against another reference model": other(champion, reference_sha256="a" * 64),
        "other tasks, clips or rules": other(champion, benchmark_digest="b" * 64),
        "judged by recorded sound": other(champion, synthetic=False),
    }
    for reason, registered in cases.items():
        for result in results(run, goal, registered=(registered,)):
            assert not result.met
            assert result.goal.endswith(f"worse than that of {registered.name}")
            assert result.note.startswith(f"the figures of {registered.name} do not compare: ")
            assert reason in result.note


def test_a_champion_whose_figures_are_not_known_is_not_absent(run: Run) -> None:
    goal = Goal(metric="bytes", kind="max_degradation", against="champion", limit=0)
    unknown = unknown_champion("tinytrill-host", "its tag cannot be read", "3")
    for result in results(run, goal, registered=(unknown,)):
        assert not result.met
        assert result.note == (
            "the figures of tinytrill-host v3 (champion) are unknown: its tag cannot be read"
        )


def test_a_champion_of_this_runs_own_files_is_compared_by_this_runs_figures(run: Run) -> None:
    # TINY's file is champion; its standing is of another runtime and says 1 ms, this run measured 2 ms.
    old = registered_from(make_run({TINY: [Made(0.7, 1.0)]}), "3", ("champion",))
    assert old.standing is not None
    champion = other(old, machine=old.standing.machine.model_copy(update={"runtime": "LiteRT 2.2.0"}))
    goal = Goal(metric="latency", kind="max_degradation", against="champion", limit=1.0)
    small, tiny = results(run, goal, registered=(champion,))
    assert (small.limit, small.value, small.met) == (3.0, 5.0, False)
    # The file itself has nothing to be held against: against its own figures it would always keep up.
    assert (tiny.limit, tiny.met) == (None, False)
    assert "do not compare: measured on host" in tiny.note


def test_the_champions_own_file_is_held_against_its_registered_figures(run: Run) -> None:
    champion = registered_from(make_run({TINY: [Made(0.7, 1.0)]}), "3", ("champion",))
    goal = Goal(metric="latency", kind="max_degradation", against="champion", limit=2.0)
    small, tiny = results(run, goal, registered=(champion,))
    assert (small.limit, small.met, tiny.limit, tiny.met) == (4.0, False, 3.0, True)


def test_two_champions_of_one_input_are_nobodys_goal_reference(run: Run) -> None:
    fast, slow = (
        registered_from(make_run({LARGE: [Made(0.74, ms)]}), number, ("champion",))
        for ms, number in ((1.0, "3"), (9.0, "4"))
    )
    goal = Goal(metric="latency", kind="max_degradation", against="champion", limit=1.0)
    for registered in ((fast, slow), (slow, fast)):
        assert [result.met for result in results(run, goal, registered=registered)] == [False, False]


def other(version: RegisteredVersion, **changes: Any) -> RegisteredVersion:
    """The version with another standing."""
    assert version.standing is not None
    return replace(version, standing=version.standing.model_copy(update=changes))


def test_a_champion_without_the_figure_is_no_missing_champion(run: Run) -> None:
    champion = registered_from(make_run({LARGE: [Made(0.74, 4.0)]}), "3", ("champion",))
    assert champion.standing is not None
    mute = champion.standing.point.model_copy(update={"peak_mib": None})
    goal = Goal(metric="peak_mib", kind="max_degradation", against="champion", limit=1)
    found = results(run, goal, registered=(other(champion, point=mute),))
    assert [(result.met, result.note) for result in found] == [
        (False, "the device does not report peak memory")
    ] * 2


ANGRY = Slice(feature="class", value="anger")


def slices(run: Run, doubt: float = 0.0, **accuracy: float | None) -> NossComparison:
    """The comparison with the slice 'anger' of 'language' for models by name; None: only the teacher's."""
    return make_comparison(run).model_copy(
        update={
            "slices": [
                ModelSlices(
                    model=model,
                    tfma=TfmaSummary(
                        min_slice=10,
                        slices=[
                            SliceFigure(
                                task="language",
                                feature="class",
                                value="anger",
                                n=100_000,
                                accuracy=value,
                                low=value - doubt,
                                high=value + doubt,
                                interval="jackknife",
                                gap=0,
                                teacher=0.9,
                            )
                        ],
                        validated=True,
                    ),
                )
                for model, value in accuracy.items()
                if value is not None
            ]
        }
    )


def test_slices(run: Run) -> None:
    comparison = slices(run, **{SMALL_WAVE: 0.62, "logmel": 0.5})
    goal = Goal(metric="quality", task="language", slice=ANGRY, limit=0.6)
    small, tiny = results(run, goal, comparison=comparison)
    assert small.goal == "accuracy on language, class anger at least 0.6"
    assert (small.value, small.met) == (0.62, True)
    assert (tiny.value, tiny.met) == (None, False)
    assert tiny.note == (
        f"TFMA lists no such slice of {TINY_WAVE}: it needs 'evaluation.tfma.results: all' and enough clips"
    )
    other = goal.model_copy(update={"slice": Slice(feature="class", value="joy")})
    assert not results(run, other, comparison=comparison)[0].met

    against = {"kind": "max_degradation", "limit": 0.3}
    of_teacher = results(run, goal.model_copy(update=against), comparison=comparison)[0]
    assert of_teacher.limit == pytest.approx(0.6) and of_teacher.met
    better = {"kind": "min_improvement", "limit": 0.1, "against": "logmel"}
    of_baseline = results(run, goal.model_copy(update=better), comparison=comparison)[0]
    assert of_baseline.limit == pytest.approx(0.6) and of_baseline.met
    itself = goal.model_copy(update={**better, "against": SMALL_WAVE})
    assert not results(run, itself, comparison=comparison)[0].met

    champion = registered_from(make_run({LARGE: [Made(0.74, 4.0)]}), "3", ("champion",))
    of_champion = goal.model_copy(update={**better, "against": "champion"})
    (small, _) = results(run, of_champion, comparison=comparison, registered=(champion,))
    assert (small.met, small.note) == (
        False,
        "slices of tinytrill-host v3 (champion) are not kept in the registry",
    )


def test_a_slice_against_a_teacher_that_has_none(run: Run) -> None:
    goal = Goal(metric="quality", task="language", slice=ANGRY, kind="max_degradation", limit=0.3)
    (small, _) = results(run, goal)
    assert (small.met, small.value) == (False, None)


def test_against_a_variant_that_was_refused(run: Run) -> None:
    run.latencies = [run.latencies[0].model_copy(update={"measurements": run.latencies[0].measurements[:1]})]
    goal = Goal(metric="latency", kind="max_degradation", against=TINY_WAVE, limit=1)
    (point,) = device_of(run, goals=(goal,), host_may_bless=True).points
    assert not point.goals[0].met
    assert point.goals[0].note == f"{TINY_WAVE} was refused: no latency measurement"


def test_a_task_whose_sound_is_not_there_is_not_met(run: Run) -> None:
    # The comparison names voxforge as unavailable.
    (small, _) = results(run, Goal(metric="quality", task="voxforge", limit=0.1))
    assert (small.value, small.met) == (None, False)
    assert small.note == "no score on 'voxforge': its sound was not there"


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (
            {"metric": "quality", "task": "music", "limit": 0.1},
            "goal on task 'music': it was not evaluated; there are language, speaker, keyword",
        ),
        (
            {"metric": "quality", "kind": "min_improvement", "against": "yamnet", "limit": 0},
            "goal against 'yamnet': there is no such model; there are teacher, champion, logmel, small-",
        ),
        (
            {"metric": "bytes", "kind": "min_improvement", "against": "logmel", "limit": 0},
            "bytes cannot be compared with 'logmel': it has no latency or size; accepted: metric 'quality'",
        ),
        (
            {"metric": "bytes", "limit": 1, "devices": ("watch",)},
            "no device 'watch' was measured; there are host",
        ),
    ],
)
def test_what_is_not_there_is_an_error(run: Run, goal: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        results(run, Goal(**goal))


def test_a_budget_of_no_device_is_an_error(run: Run) -> None:
    with pytest.raises(ValueError, match="no device 'watch' was measured; there are host"):
        device_of(run, budgets={"watch": (Budget(percentile="p90", milliseconds=1),)})


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"metric": "bytes", "kind": "max_degradation", "limit": 1}, "the teacher has no latency or size"),
        ({"metric": "quality", "limit": 1.5}, "can never be met"),
        ({"metric": "bytes", "limit": 5, "relative": True}, "relative has a meaning only with kind"),
        ({"metric": "bytes", "limit": -5}, "greater than or equal to 0"),
        ({"metric": "bytes", "limit": 5, "task": "a"}, "task and slice belong to metric 'quality'"),
        ({"metric": "quality", "limit": 0.5, "slice": ANGRY}, "give the task's name too"),
        ({"metric": "bytes", "limit": 5, "percentile": "p90"}, "percentile belongs to metric 'latency'"),
    ],
)
def test_impossible_goals_are_refused(goal: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Goal(**goal)
