from __future__ import annotations

import pytest

from components.common.statistics.sessions import Interval
from components.latency_benchmark import validity
from components.latency_benchmark.backends.base import Burst
from components.latency_benchmark.figures import Timings
from components.latency_benchmark.settings import MeasurementSettings

SETTINGS = MeasurementSettings(min_runs=20, min_seconds=0.1, max_disagreement=0.05, max_reference_drift=0.25)


def timed(*sessions: list[int], ms: float = 10.0) -> Timings:
    """So many invocations of ``ms`` in each round of each session."""
    return {
        (session, number): Burst.of_samples([1e3 * ms] * count)
        for session, counts in enumerate(sessions, start=1)
        for number, count in enumerate(counts, start=1)
    }


def test_the_drift_is_what_most_models_share() -> None:
    """Session 2 is 10 % slower for all but one, which alone is twice as slow there."""
    typical = {
        "reference": {1: 1.0, 2: 1.1, 3: 1.0},
        "a": {1: 5.0, 2: 5.5, 3: 5.0},
        "b": {1: 2.0, 2: 4.0, 3: 2.0},
    }
    drift = validity.common_drift(typical, "reference")
    assert drift == pytest.approx({1: 1.0, 2: 1.1, 3: 1.0})
    assert validity.disagreement(typical["a"], drift) == pytest.approx(0.0)
    assert validity.disagreement(typical["b"], drift) == pytest.approx(2 / 1.1 - 1)


def test_of_two_models_the_reference_tells_the_drift() -> None:
    typical = {"a": {1: 1.0, 2: 1.0, 3: 1.2}, "reference": {1: 2.0, 2: 2.0, 3: 2.0}}
    assert validity.common_drift(typical, "reference") == {1: 1.0, 2: 1.0, 3: 1.0}


def test_long_and_often_enough_and_in_agreement() -> None:
    assert validity.faults(timed([10, 10], [20, 0 + 5], [10, 11]), 0.05, SETTINGS) == []


def test_too_few_names_the_session() -> None:
    assert validity.faults(timed([10, 10], [10, 9], [10, 10]), 0.0, SETTINGS) == [
        "too few: 19 timed invocations in session 2, at least 20"
    ]


def test_too_short_names_the_session() -> None:
    told = {**timed([10, 10], [10, 10]), **{(3, 1): Burst.of_samples([1e3] * 80)}}
    assert validity.faults(told, 0.0, SETTINGS) == [
        "too short: 0.08 timed seconds in session 3, at least 0.1"
    ]


def test_a_tool_that_stops_by_the_clock_is_not_too_short() -> None:
    told = {(session, 1): Burst.of_samples([1e3] * 97) for session in (1, 2, 3)}
    assert validity.faults(told, 0.0, SETTINGS) == []


@pytest.mark.parametrize("apart", [0.0501, float("nan")])
def test_sessions_that_disagree(apart: float) -> None:
    (reason,) = validity.faults(timed([20], [20], [20]), apart, SETTINGS)
    assert "sessions disagree by" in reason
    assert "at most 5.0%" in reason


def test_a_device_that_throttled_spoils_that_session() -> None:
    found = validity.session_faults({1: 1.0, 2: 1.0, 3: 1.0}, {1: False, 2: True, 3: None}, SETTINGS)
    assert found == {1: [], 2: ["the device throttled"], 3: []}


def test_a_reference_that_moved_spoils_the_session_farthest_off() -> None:
    quiet = dict.fromkeys((4, 5, 6))
    assert validity.session_faults({4: 1.0, 5: 1.25, 6: 1.1}, quiet, SETTINGS) == {4: [], 5: [], 6: []}
    found = validity.session_faults({4: 1.0, 5: 1.3, 6: 1.1}, quiet, SETTINGS)
    assert (found[4], found[6]) == ([], [])
    assert found[5] == [
        "the reference model took 1.3 ms, 1 to 1.3 ms in the attempt's sessions: 30.0% apart, at most 25.0%"
    ]
    assert validity.session_faults({4: 0.5, 5: 1.1, 6: 1.0}, quiet, SETTINGS)[4]


def test_of_three_sessions_far_apart_one_is_left() -> None:
    found = validity.session_faults({1: 1.0, 2: 1.5, 3: 3.0}, dict.fromkeys((1, 2, 3)), SETTINGS)
    assert [session for session, reasons in found.items() if not reasons] == [1]


def test_half_the_width_of_a_ratio() -> None:
    assert validity.half_width(Interval(1.0, 0.9, 1.6)) == pytest.approx(1 / 3)
    assert validity.half_width(Interval(1.0, 1.0, 1.0)) == 0
