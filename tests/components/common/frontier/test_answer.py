"""Which file to ship, in words: the same sentences for page, terminal and card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.frontier.answer import Answer, answers, best_first, recommended_on
from components.common.frontier.settings import Goal
from schemas.devices import Budget
from schemas.verdicts import ReferenceQuality, Verdict
from tests.components.frontier_gate.judging import LARGE, SMALL, TINY, verdict_of
from tests.made_up_runs import Made, make_run

S, T, L = (spec.candidate_id for spec in (SMALL, TINY, LARGE))


def answered(run: Any, **options: Any) -> list[Answer]:
    return answers(verdict_of(run, **options))


def test_the_clearly_best_within_the_budget_and_what_less_would_cost() -> None:
    # Intervals of no width: every difference beyond the margins counts.
    run = make_run(
        {SMALL: [Made(0.75, 5.0, size=900_000)], TINY: [Made(0.70, 2.0, size=450_000)]},
        doubt=0.0,
        devices={"pixel": 1.0},
    )
    (one,) = answered(run, budgets={"pixel": (Budget(milliseconds=8),)})
    assert one.point is not None and one.point.candidate_id == S and one.input == "wave"
    assert one.sentence == (
        f"Ship {S}/wave-float32 on pixel: the best quality within 8 ms (p95); score 0.750 (teacher 0.800), "
        "5.00 ms, 0.86 MiB."
    )
    # 450,000 of 900,000 bytes; 2 of 5 ms; 0.05 of 0.75.
    assert one.more == [
        f"{T}/wave-float32 has 50% of the size and 40% of the latency for 0.050 (6.7%) less quality.",
        "Nothing on pixel reached the teacher (0.800).",
    ]


def test_ties_within_noise_go_to_the_faster_and_say_so(tmp_path: Path) -> None:
    run = make_run({SMALL: [Made(0.75, 5.0, size=900_000)], TINY: [Made(0.745, 2.0, size=450_000)]})
    (one,) = answered(run, samples=tmp_path)
    assert one.point is not None and one.point.candidate_id == T
    assert one.sentence.startswith(
        f"Ship {T}/wave-float32 on host: the fastest of 2 files whose quality cannot be told apart; "
    )
    assert one.more[0] == (
        f"{S}/wave-float32 scores 0.750, +0.005, at 2.5 times the latency and 2 times the size: "
        "on these test clips that may be luck."
    )
    assert one.more[1] == "Neither budget nor goal was set for host."


def test_a_tie_with_what_costs_more_leaves_the_best(tmp_path: Path) -> None:
    # The better one is the faster and the smaller one too, but not by so much that it beats the other.
    run = make_run({SMALL: [Made(0.75, 5.0, spread=0.3)], TINY: [Made(0.748, 5.1, spread=0.3)]})
    (one,) = answered(run, samples=tmp_path)
    assert one.point is not None and one.point.candidate_id == S
    assert "the best quality; 1 more cannot be told apart from it, and none is faster; score" in one.why


def test_a_tie_that_is_smaller_but_slower_is_told_beside_the_fastest(tmp_path: Path) -> None:
    run = make_run({SMALL: [Made(0.75, 2.0, size=900_000)], TINY: [Made(0.745, 5.0, size=450_000)]})
    axes = ({"metric": "quality"}, {"metric": "latency"}, {"metric": "bytes"})
    (one,) = answered(run, samples=tmp_path, axes=axes)
    assert one.point is not None and one.point.candidate_id == S
    assert "1 more cannot be told apart from it, and none is faster; score" in one.why
    assert one.more[0] == (
        f"{T}/wave-float32 has 50% of the size and 250% of the latency for 0.005 (0.7%) less quality, which "
        "these test clips cannot tell from none."
    )


def test_nothing_blessed_says_why_and_what_came_closest() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]}, doubt=0.0)
    goals = (Goal(metric="quality", limit=0.78), Goal(metric="bytes", limit=2_000_000))
    (one,) = answered(run, goals=goals)
    assert (one.point, one.input) == (None, None)
    assert one.sentence.startswith("Ship nothing on host: no point meets all goals (quality at least 0.78: ")
    assert one.more == [
        f"Closest is {S}/wave-float32, which does not meet 1 of 2 goals: quality at least 0.78 "
        "(missed, it has 0.75)."
    ]
    # A task that is missing is nobody's fault: no file came close to anything.
    (shut,) = answered(run, required_tasks=("esc",))
    assert "esc" in shut.why and shut.more == []


def test_an_answer_a_device_and_an_input() -> None:
    run = make_run(
        {SMALL: [Made(0.75, 5.0), Made(0.74, 4.0, "core-float32")]}, doubt=0.0,
        devices={"host": 1.0, "pixel": 2.0},
    )  # fmt: skip
    budgets = {"pixel": (Budget(percentile="p50", milliseconds=9),)}
    verdict = verdict_of(run, budgets=budgets)
    assert [(one.device, one.input) for one in answers(verdict)] == [
        ("host", "wave"), ("host", "core"), ("pixel", "core"),
    ]  # fmt: skip
    assert (
        answers(verdict)[1].ship == f"If your app computes the log-mels itself, ship {S}/core-float32 on host"
    )
    assert recommended_on(verdict, f"{S}/core-float32") == ["host", "pixel"]
    assert recommended_on(verdict, f"{S}/wave-float32") == ["host"]


def test_without_quality_among_the_axes_no_file_is_named() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]})
    (one,) = answered(run, axes=({"metric": "latency"},))
    assert one.point is None and one.ship == "1 file may ship on host" and "gate.axes" in one.why


def test_of_one_task_its_score_is_told(tmp_path: Path) -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]})
    (one,) = answered(
        run, samples=tmp_path, axes=({"metric": "quality", "task": "speaker"}, {"metric": "latency"})
    )
    assert "the best quality on speaker; score 0.750, mean of all tasks 0.750 (teacher 0.800)" in one.why
    assert one.more == ["Neither budget nor goal was set for host."]


def test_what_nothing_reached_is_named_best_first() -> None:
    run = make_run({SMALL: [Made(0.55, 5.0)]}, teacher=0.5, baseline=0.6)
    assert answered(run)[0].more[-1] == "Nothing on host reached the baseline logmel (0.600)."
    run = make_run({SMALL: [Made(0.45, 5.0)]}, teacher=0.5, baseline=0.6)
    assert answered(run)[0].more[-1] == (
        "Nothing on host reached the baseline logmel (0.600) or the teacher (0.500)."
    )


@pytest.mark.parametrize("forgotten", [("tied", "within", "alternatives")])
def test_a_verdict_of_before_ties_were_kept_still_names_its_file(
    tmp_path: Path, forgotten: tuple[str, ...]
) -> None:
    verdict = verdict_of(make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.70, 2.0)]}), samples=tmp_path)
    old = verdict.model_dump(mode="json")
    for device in old["devices"]:
        for one in device["recommendations"]:
            for name in forgotten:
                del one[name]
    (one,) = answers(Verdict.model_validate(old))
    assert one.point is not None and "recommended; score" in one.why


def test_files_and_what_they_are_held_against_stand_in_one_order() -> None:
    verdict = verdict_of(make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.55, 2.0)]}, baseline=0.6))
    (device,) = verdict.devices
    told = [one.model if isinstance(one, ReferenceQuality) else one.candidate_id
            for one in best_first(verdict, device.points)]  # fmt: skip
    assert told == ["teacher", S, "logmel", T]


def test_a_board_is_answered_by_what_was_counted() -> None:
    # 5 and 2 million products in 200 and 80 KiB.
    run = make_run(
        {
            SMALL: [Made(0.75, 5.0, "core-int8", size=900_000)],
            TINY: [Made(0.70, 2.0, "core-int8", size=450_000)],
        },
        doubt=0.0,
        devices={"board": 1.0},
    )
    budget = Budget(arena_kib=256, flash_kib=1024, mega_macs=8)
    (one,) = answered(run, budgets={"board": (budget,)})
    assert one.sentence == (
        f"If your app computes the log-mels itself, ship {S}/core-int8 on board: the best quality within 256 "
        "KiB of arena, 1024 KiB of flash and 8 M multiply-accumulates; score 0.750 (teacher 0.800), "
        "200 KiB arena, 5 M multiply-accumulates, 0.86 MiB."
    )
    assert one.more[0] == (
        f"{T}/core-int8 has 50% of the size, 40% of the multiply-accumulates and 40% of the arena for 0.050 "
        "(6.7%) less quality."
    )


def test_ties_on_a_board_go_to_the_cheaper_to_run(tmp_path: Path) -> None:
    run = make_run(
        {SMALL: [Made(0.75, 5.0, "core-int8")], TINY: [Made(0.745, 2.0, "core-int8", size=500_000)]},
        devices={"board": 1.0},
    )
    (one,) = answered(run, samples=tmp_path)
    assert f"ship {T}/core-int8 on board: the cheapest to run of 2 files whose quality cannot" in one.sentence
    assert one.more[0] == (
        f"{S}/core-int8 scores 0.750, +0.005, at 2.5 times the multiply-accumulates, 2.5 times the arena and "
        "2 times the size: on these test clips that may be luck."
    )
    dear = make_run(
        {SMALL: [Made(0.75, 5.0, "core-int8")], TINY: [Made(0.745, 6.0, "core-int8")]}, devices={"board": 1.0}
    )
    (best,) = answered(dear, samples=tmp_path / "dear", axes=({"metric": "quality"},))
    assert "cannot be told apart from it, and none is cheaper to run; score" in best.why


def test_the_closest_file_is_the_nearest_that_the_gate_names() -> None:
    # S misses one goal by far, T two by little: both sentences are to name the same file.
    run = make_run(
        {SMALL: [Made(0.75, 5.0, "core-int8")], TINY: [Made(0.70, 2.0, "core-int8")]},
        doubt=0.0,
        devices={"board": 1.0},
    )
    goals = (Goal(metric="quality", limit=0.72), Goal(metric="arena_kib", limit=79))
    (one,) = answered(run, goals=goals)
    assert f"nearest: {T}/core-int8 is off by 2.8% (quality at least 0.72: it has 0.7); {S}" in one.why
    assert one.more == [
        f"Closest is {T}/core-int8, which does not meet 2 of 2 goals: quality at least 0.72 (missed, it has "
        "0.7); tensor arena at most 79 KiB (missed, it has 80)."
    ]
