from __future__ import annotations

from typing import Any

import pytest

from components.latency_benchmark.attempts import Measured, measure, partner
from components.latency_benchmark.backends.base import (
    Burst,
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.finished import FinishedSessions
from tests.components.latency_benchmark.scripted import REFERENCE, SETTINGS, Scripted, model

NOTHING_KEPT = FinishedSessions(None)
MODELS = [model(name) for name in "abcdefg"]
A, B = MODELS[0].key, MODELS[1].key


def run(backend: Scripted, models: list[ModelUnderTest] | None = None, **changed: object) -> Measured:
    """All attempts."""
    settings = SETTINGS.model_copy(update=changed)
    return measure(backend, REFERENCE, models or MODELS, settings, 3, NOTHING_KEPT)


def timed_in(backend: Scripted, *sessions: int) -> list[set[str]]:
    """Models that were timed, session by session."""
    return [{call.key for call in backend.calls if call.session == session} for session in sessions]


def unsteady(key: str, session: int, number: int) -> float:
    """Model a is 10 % slower in session 2, and in no later one."""
    return 1.1 if (key, session) == (A, 2) else 1.0


def test_what_is_valid_is_measured_once() -> None:
    backend = Scripted()
    measured = run(backend)
    assert backend.session == SETTINGS.sessions
    assert all(measured.is_valid(model.key) for model in (REFERENCE, *MODELS))
    assert measured.times == dict.fromkeys([REFERENCE.key, *(model.key for model in MODELS)], 1)
    assert [(one.attempt, one.session, one.drift) for one in measured.conditions()] == [
        (1, 1, 1.0),
        (1, 2, 1.0),
        (1, 3, 1.0),
    ]
    assert {one.reference_ms for one in measured.conditions()} == {1.0}


def test_an_invalid_model_is_measured_again_with_anchors() -> None:
    backend = Scripted(unsteady)
    measured = run(backend)
    assert backend.session == 6
    anchors = {model.key for model in MODELS[1:5]}
    assert timed_in(backend, 4, 5, 6) == [{A, REFERENCE.key, *anchors}] * 3
    assert measured.is_valid(A)
    assert (measured.pooled[A].sessions, measured.times[A]) == ([1, 2, 3, 4, 5, 6], 2), "nothing is replaced"
    assert measured.pooled[A].disagreement == pytest.approx(0.1)
    assert measured.attempts[0].conditions[1].drift == 1.0
    assert (measured.pooled[B].sessions, measured.times[B]) == ([1, 2, 3], 1), "an anchor keeps its figures"


def test_a_core_and_its_wave_file_are_measured_again_together() -> None:
    wave, core = model("x", "wave-int8", "wave"), model("x", "core-int8")
    others = [model("y"), model("z"), model("x", "core-float32")]
    assert partner(wave) == core.key
    assert partner(core) == wave.key
    assert partner(REFERENCE) == ""

    def milliseconds(key: str, session: int, number: int) -> float:
        slow = key in (wave.key, others[0].key, others[1].key) and session == 2
        return 1.2 if slow else 1.0

    backend = Scripted(milliseconds)
    run(backend, [*others, core, wave, *MODELS])
    again = {REFERENCE.key, wave.key, others[0].key, others[1].key, core.key}
    assert timed_in(backend, 4) == [again], "three are left: enough to tell the drift, the core comes along"


def test_attempts_end_and_the_figures_stay() -> None:
    def always(key: str, session: int, number: int) -> float:
        return 1.5 if key == A and session % 3 == 2 else 1.0

    backend = Scripted(always)
    measured = run(backend, attempts=3)
    assert backend.session == 9
    assert (measured.times[A], len(measured.pooled[A].sessions)) == (3, 9)
    (reason,) = measured.pooled[A].reasons
    # Three of nine at log 1.5 = 0.4055: s = 0.2027, and t(8) s / 3 = 0.1558.
    assert "disagree by 16.9% either way" in reason
    assert "9 sessions" in reason
    assert measured.failures == {}
    assert run(Scripted(always), attempts=3, max_disagreement=0.17).is_valid(A)


def test_a_throttled_session_is_left_out_and_replaced_by_others() -> None:
    sensors = [Sensors(), Sensors(), Sensors(), Sensors(throttled=True), Sensors()]
    backend = Scripted(sensors=sensors)
    measured = run(backend)
    assert backend.session == 6
    assert timed_in(backend, 4) == [{REFERENCE.key, *(model.key for model in MODELS)}]
    assert measured.pooled[A].sessions == [1, 3, 4, 5, 6]
    assert [one.reasons for one in measured.conditions()] == [[], ["the device throttled"], [], [], [], []]
    assert measured.is_valid(A)
    assert measured.is_valid(REFERENCE.key)

    alone = run(Scripted(sensors=[Sensors(), Sensors(), Sensors(), Sensors(throttled=True)]), attempts=1)
    assert alone.pooled[A].reasons == [
        "session 2: the device throttled",
        "session 3: the device throttled",
        "too few: 1 valid sessions, at least 3",
    ]


def test_a_session_in_which_the_reference_moved_is_left_out() -> None:
    measured = run(Scripted(lambda key, session, number: 1.5 if session == 2 else 1.0), attempts=1)
    moved, few = measured.pooled[A].reasons
    assert moved.startswith("session 2: the reference model took 1.5 ms")
    assert few == "too few: 2 valid sessions, at least 3"
    assert measured.conditions()[1].drift == 1.5
    assert measured.pooled[A].disagreement == 0, "all drifted alike"


class Interrupted(Scripted):
    """Others have the processor in some sessions: a fifth of the invocations takes twenty times as long."""

    def __init__(self, *sessions: int) -> None:
        super().__init__()
        self._interrupted = sessions

    def time(self, model: ModelUnderTest, **asked: Any) -> Burst:
        burst = super().time(model, **asked)
        if self.session not in self._interrupted:
            return burst
        slow = [20.0 if number % 5 == 0 else 1.0 for number in range(20)]
        return Burst.of_samples([1e3 * milliseconds for milliseconds in slow])


def test_a_busy_session_is_measured_again() -> None:
    measured = run(Interrupted(2))
    assert measured.is_valid(A)
    busy = measured.conditions()[1]
    (reason,) = busy.reasons
    assert reason.startswith("the host was busy")
    assert busy.reference_ms == 1.0, "the median bears it"
    assert (busy.reference_mean_ms, busy.reference_p95_ms) == pytest.approx((4.8, 20.0))
    assert [one.reasons for one in measured.conditions()[2:]] == [[]] * (len(measured.conditions()) - 2)


def test_a_host_that_stays_busy_leaves_nothing_to_believe() -> None:
    measured = run(Interrupted(*range(1, 100)))
    assert not measured.is_valid(A)
    assert "the host was busy" in measured.pooled[A].reasons[0]
    assert run(Interrupted(*range(1, 100)), max_interruption=0.9).is_valid(A), "as configured"


def test_a_model_that_does_not_start_is_not_tried_again() -> None:
    def start(key: str) -> Start:
        if key == A:
            raise MeasurementFailed("no such operator")
        return Start(1.0, 1.0, None)

    backend = Scripted(start=start)
    measured = run(backend)
    assert backend.session == 3
    assert measured.failures == {A: "no such operator"}
    assert A not in measured.pooled


def test_a_passing_fault_is_tried_again() -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if (key, session, number) == (A, 2, 3):
            raise MeasurementFailed("timed out")
        return 1.0

    backend = Scripted(milliseconds)
    measured = run(backend)
    assert A not in timed_in(backend, 3)[0], "left out of the rest of the attempt"
    assert measured.failures == {}
    assert measured.times[A] == 2
    assert measured.pooled[A].sessions == [1, 4, 5, 6], "what it ran to the end counts"

    assert run(Scripted(milliseconds), attempts=1).failures == {A: "timed out"}


def test_a_failure_leaves_the_invalid_figures_of_before() -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if key == A and session > 3:
            raise MeasurementFailed("crashed")
        return unsteady(key, session, number)

    measured = run(Scripted(milliseconds))
    assert measured.pooled[A].sessions == [1, 2, 3]
    assert not measured.is_valid(A)
    assert measured.failures == {A: "crashed"}


def test_a_failure_leaves_no_figures_valid_that_were_wide_before() -> None:
    """One more session would narrow them enough, but then the model crashes."""

    def milliseconds(key: str, session: int, number: int) -> float:
        if key == A and session == 6:
            raise MeasurementFailed("crashed")
        return unsteady(key, session, number)

    measured = run(Scripted(milliseconds))
    assert (measured.pooled[A].sessions, measured.pooled[A].reasons) == ([1, 2, 3, 4, 5], [])
    assert not measured.is_valid(A)


def test_a_reference_that_fails_costs_the_attempt() -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if (key, session) == (REFERENCE.key, 2):
            raise MeasurementFailed("timed out")
        return 1.0

    backend = Scripted(milliseconds)
    measured = run(backend)
    assert backend.session == 5, "one whole session, one that was broken off, three of the next attempt"
    assert measured.is_valid(A)
    assert measured.failures == {}
    assert (measured.times[A], measured.pooled[A].sessions) == (1, [3, 4, 5])
    said = [(one.attempt, one.session, one.reasons) for one in measured.conditions()]
    assert said == [
        (1, 1, ["the reference model cannot be measured: timed out"]),
        (2, 3, []),
        (2, 4, []),
        (2, 5, []),
    ]

    measured = run(Scripted(milliseconds), attempts=1)
    assert measured.pooled == {}
    assert measured.failures == {REFERENCE.key: "the reference model cannot be measured: timed out"}


def test_a_lost_device_leaves_finished_attempts() -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if session == 5:
            raise DeviceLost("no device R5CT")
        return unsteady(key, session, number)

    backend = Scripted(milliseconds)
    measured = run(backend, attempts=5)
    assert backend.session == 5, "and no attempt is begun after that"
    assert measured.lost == "no device R5CT"
    assert measured.is_valid(B)
    assert (measured.pooled[A].sessions, measured.is_valid(A)) == ([1, 2, 3], False)
    assert [one.session for one in measured.conditions()] == [1, 2, 3, 4]
    assert measured.conditions()[3].reasons == ["no device R5CT"]


def test_the_reference_is_in_all_sessions() -> None:
    measured = run(Scripted(unsteady))
    assert (measured.pooled[REFERENCE.key].sessions, measured.times[REFERENCE.key]) == ([1, 2, 3, 4, 5, 6], 2)
    assert measured.pooled[REFERENCE.key].reasons == []
