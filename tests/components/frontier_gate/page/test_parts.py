"""The page's parts: words, effects, operators, training curves, and what the script reads."""

from __future__ import annotations

import json
import math

import pytest

from components.common.frontier.settings import GateDemands, Goal
from components.frontier_gate.page.curves import WIDTH as CURVE_WIDTH
from components.frontier_gate.page.curves import curves
from components.frontier_gate.page.data import colour_factors, to_script
from components.frontier_gate.page.effects_chart import WIDTH, effects_charts
from components.frontier_gate.page.operators import REST, profiles
from components.frontier_gate.page.standing import fate, goal_counts, headline, numbers, status, why
from schemas.latency_reports import LatencyMeasurement, OperatorTime
from schemas.students import StudentSpec
from schemas.verdicts import DeviceVerdict, Effect
from tests.components.frontier_gate.made_up import registered, verdict_on
from tests.made_up_runs import Made, make_measurement, make_run, make_student
from tests.students import mobilenet

BEST, QUICK, BEATEN = mobilenet("large"), mobilenet("tiny"), mobilenet("small")


def judged(*goals: Goal, **changes: object) -> DeviceVerdict:
    """The best one is slow, the quick one is worse, the third is beaten by both."""
    made = {BEST: [Made(0.75, 8.0, size=9)], QUICK: [Made(0.7, 2.0)], BEATEN: [Made(0.65, 9.0)]}
    verdict = verdict_on(make_run(made), GateDemands(goals=goals))
    return verdict.devices[0].model_copy(update=changes)


def point(spec: StudentSpec) -> str:
    return f"{spec.candidate_id}/wave-float32"


def words(device: DeviceVerdict) -> dict[str, str]:
    return {p.candidate_id: f"{status(device, p)}: {why(device, p)}" for p in device.points}


def test_why_a_point_is_blessed_or_not() -> None:
    told = words(judged())
    assert told[BEST.candidate_id] == told[QUICK.candidate_id] == "blessed: unbeaten; no goal set"
    assert told[BEATEN.candidate_id].startswith("beaten: beaten by ")
    told = words(judged(Goal(metric="bytes", limit=10)))
    assert told[BEST.candidate_id] == "blessed: unbeaten; meets the goal"
    assert told[QUICK.candidate_id].startswith("frontier: misses: file size at most 10 bytes")


def test_why_a_point_is_blessed_that_is_not_on_the_frontier() -> None:
    made = {BEST: [Made(0.75, 8.0, size=9)], BEATEN: [Made(0.7, 9.0, size=5)]}
    device = verdict_on(make_run(made), GateDemands(goals=(Goal(metric="bytes", limit=6),))).devices[0]
    assert words(device)[BEATEN.candidate_id] == (
        f"blessed: meets the goal; only beaten by what misses one: {point(BEST)}"
    )
    assert numbers(device) == {point(BEST): 1, point(BEATEN): 2}


def test_nothing_is_blessed_while_the_gate_is_closed() -> None:
    device = judged(closed=["no reason"])
    told = words(device)
    assert told[BEST.candidate_id] == "frontier: the gate is closed"
    assert headline([device]) == "Nothing is pushed for host."
    assert headline([judged(), device]) == "Blessed: 2 files for host. Nothing is pushed for host."


def test_what_became_of_registered_versions() -> None:
    (first, *_) = judged().points
    rival = registered(first)
    assert fate(rival) == f"beaten by {first.point_id}"
    assert fate(rival.model_copy(update={"beaten_by": ["a", "b", "c"]})) == "beaten by a and 2 more"
    assert fate(rival.model_copy(update={"beaten_by": []})) == "unbeaten"
    assert fate(registered(first, competes=False)) == "does not compete: measured on another machine"


def test_goals_are_counted_on_all_points_and_on_the_frontier() -> None:
    (bytes_, quality) = goal_counts(judged(Goal(metric="bytes", limit=10), Goal(metric="quality", limit=0.5)))
    assert (bytes_.met, bytes_.points, bytes_.frontier_met, bytes_.frontier) == (1, 3, 1, 2)
    assert (quality.met, quality.frontier_met) == (3, 2)


def test_numbers_count_the_frontier_from_the_fastest() -> None:
    assert numbers(judged()) == {point(QUICK): 1, point(BEST): 2}


def effect(metric: str, value: float, low: float, high: float, **fields: object) -> Effect:
    record = {"metric": metric, "effect": value, "low": low, "high": high, "factor": "architecture.width"}
    rest = {"input": "wave", "level": "2.0", "against": "1.0", "students": 4, "points": 8}
    return Effect.model_validate({**rest, **record, **fields})


def test_effects_stand_in_one_row_a_value() -> None:
    (chart,) = effects_charts(
        [
            effect("quality", 0.02, 0.01, 0.03),
            effect("latency", 2.0, 1.5, 2.6),
            effect("quality", -0.01, -0.03, 0.01, level="0.5", confounded=["architecture.size"]),
        ]
    )
    assert [(row.factor, row.level, row.confounded) for row in chart.rows] == [
        ("width", "2.0", []),
        ("width", "0.5", ["size"]),
    ]
    wide, narrow = chart.rows
    assert wide.dots["quality"].sure and wide.dots["quality"].better
    assert wide.dots["latency"].sure and not wide.dots["latency"].better
    assert not narrow.dots["quality"].sure and "latency" not in narrow.dots
    assert chart.metrics == ["quality", "latency"]
    # One scale a metric, with 'no effect' on it.
    assert wide.dots["quality"].none == narrow.dots["quality"].none
    assert 0 < narrow.dots["quality"].low < narrow.dots["quality"].none < wide.dots["quality"].low < WIDTH


def test_the_strongest_effect_is_a_clear_one() -> None:
    (chart,) = effects_charts(
        [
            effect("latency", 9.0, 0.5, 90.0, level="unsure"),
            effect("latency", 0.25, 0.2, 0.3, level="quarter"),
            effect("latency", 2.0, 1.5, 2.6, level="twice"),
            effect("quality", 0.1, -0.1, 0.3),
        ]
    )
    assert {metric: one.level for metric, one in chart.strongest.items()} == {"latency": "quarter"}


def test_effects_that_are_no_numbers_are_not_drawn() -> None:
    assert effects_charts([]) == []
    (chart,) = effects_charts([effect("quality", 0.1, math.nan, 0.2), effect("bytes", 2.0, 1.0, 3.0)])
    assert chart.metrics == ["bytes"]


def measured(name: str, shares: dict[str, float]) -> LatencyMeasurement:
    operators = [OperatorTime(name=k, operator=k, mean_us=share, share=share) for k, share in shares.items()]
    return make_measurement(name, Made(0.5, 1.0), "0" * 64).model_copy(update={"operators": operators})


def test_operators_are_bars_of_the_same_kinds() -> None:
    kinds, found = profiles(
        [measured("a", {"CONV": 0.7, "ADD": 0.3}), measured("b", {"ADD": 1.0}), measured("none", {})]
    )
    assert kinds == ["ADD", "CONV"]
    assert [dict(profile.parts) for profile in found] == [
        {"ADD": 0.3, "CONV": 0.7},
        {"ADD": 1.0, "CONV": 0.0},
    ]


def test_many_kinds_of_operators_end_in_others() -> None:
    shares = {f"OP_{i}": share for i, share in enumerate((0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.07))}
    kinds, (profile,) = profiles([measured("a", shares)])
    assert kinds == [*(f"OP_{i}" for i in range(5)), REST]
    assert dict(profile.parts)[REST] == pytest.approx(0.15)
    assert sum(share for _, share in profile.parts) == pytest.approx(1)


def test_long_trainings_are_drawn_with_fewer_spots() -> None:
    student = make_student(BEST)
    epochs = [student.epochs[0].model_copy(update={"epoch": i + 1}) for i in range(600)]
    epochs[40] = epochs[40].model_copy(update={"loss": math.nan})
    (short, long) = curves([student, student.model_copy(update={"epochs": epochs, "best_epoch": 600})])
    assert len(short.loss.split()) == 6 and 50 <= len(long.validation.split()) <= 60
    assert len(long.loss.split()) == len(long.validation.split()) - 1
    assert long.best_x == CURVE_WIDTH - 6 and 6 < short.best_x < 8
    assert curves([student.model_copy(update={"failure": "no memory"})]) == []


def test_colours_are_of_what_differs_and_has_few_values() -> None:
    widths = [mobilenet("tiny", width / 8) for width in range(4, 14)]
    few = make_run({spec: [Made(0.6, 1.0), Made(0.6, 1.0, "wave-dynamic")] for spec in widths[:3]})
    factors = colour_factors(few.converted)
    assert set(factors) == {"width", "precision"}
    levels, of = factors["width"]
    assert levels == ["0.5", "0.625", "0.75"] and of[widths[1].candidate_id] == 1
    assert factors["precision"][1][f"{widths[0].candidate_id}/wave-dynamic"] == 0
    assert "width" not in colour_factors(make_run({spec: [Made(0.6, 1.0)] for spec in widths}).converted)


def test_no_name_ends_the_script() -> None:
    data = {"name": "</script><!--<script>&\u2028'\"\\"}
    text = to_script(data)
    assert json.loads(text) == data
    assert not {"<", ">", "&", "\u2028"} & set(text)


def test_what_is_no_number_is_no_data() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_script({"figure": math.nan})
