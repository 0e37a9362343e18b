from __future__ import annotations

import logging

import pytest

from components.latency_benchmark import sessions
from components.latency_benchmark.backends.base import DeviceLost, MeasurementFailed, Sensors, Start
from components.latency_benchmark.sessions import Place, ReferenceFailed, Session, order_of, run_session
from tests.components.latency_benchmark.scripted import REFERENCE, SETTINGS, Scripted, model

FIRST = Place(attempt=1, session=1, left=2)
NAMES = "abcdef"
MODELS = [REFERENCE, *(model(name) for name in NAMES)]
KEYS = [model.key for model in MODELS]


def run(backend: Scripted, **changed: object) -> Session:
    """The first session of all models."""
    return run_session(backend, MODELS, SETTINGS.model_copy(update=changed), 1, FIRST)


def test_each_round_runs_every_model_once_in_an_order_of_its_own() -> None:
    backend = Scripted()
    session = run(backend)
    keys = [call.key for call in backend.calls]
    rounds = [keys[start : start + len(KEYS)] for start in range(0, len(keys), len(KEYS))]
    assert len(rounds) == SETTINGS.rounds
    assert all(sorted(one) == sorted(KEYS) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert [(record.key, record.attempt, record.session, record.round) for record in session.records] == [
        (call.key, 1, 1, call.round) for call in backend.calls
    ]
    assert session.records[0].sha256 == next(one.sha256 for one in MODELS if one.key == keys[0])
    assert (session.asked, session.conditions.models, session.failures) == (KEYS, len(KEYS), {})


def test_runs_and_seconds_are_shared_out_over_the_rounds() -> None:
    backend = Scripted()
    run(backend, min_runs=9, min_seconds=2.0)
    assert {(call.runs, call.seconds) for call in backend.calls} == {(3, 0.5)}
    assert {call.warmup_runs for call in backend.calls} == {SETTINGS.warmup_runs}
    for call in backend.calls:
        assert call.warmup_seconds == (SETTINGS.warmup_seconds if call.round == 1 else 0)


def test_the_order_comes_from_the_seed() -> None:
    keys = list("abcdefgh")
    assert order_of(keys, 1, 2, seed=1) == order_of(keys, 1, 2, seed=1)
    others = [order_of(keys, 1, 2, seed=2), order_of(keys, 1, 3, seed=1), order_of(keys, 2, 2, seed=1)]
    assert order_of(keys, 1, 2, seed=1) not in others


def test_every_session_starts_cold() -> None:
    backend = Scripted()
    first = run(backend)
    assert backend.starts == KEYS
    assert first.starts == dict.fromkeys(KEYS, Start(2.0, 3.0, 10.0))
    second = run_session(backend, MODELS, SETTINGS, 1, Place(1, 2, 1))
    assert backend.starts == [*KEYS, *KEYS]
    assert second.starts == first.starts
    assert backend.session == 2, "each begins afresh"


def test_a_model_that_fails_has_a_reason_and_the_others_go_on() -> None:
    def start(key: str) -> Start:
        if key == KEYS[3]:
            raise MeasurementFailed("does not load")
        return Start(1.0, 1.0, 1.0)

    def milliseconds(key: str, session: int, number: int) -> float:
        if (key, number) == (KEYS[2], 2):
            raise MeasurementFailed("crashed")
        return 1.0

    backend = Scripted(milliseconds, start=start)
    session = run(backend)
    assert session.failures == {KEYS[2]: "crashed", KEYS[3]: "does not load"}
    asked = [call.key for call in backend.calls]
    assert [asked.count(key) for key in KEYS] == [4, 4, 2, 0, 4, 4, 4]
    assert list(session.starts) == [key for key in KEYS if key != KEYS[3]]


@pytest.mark.parametrize("at_start", [True, False])
def test_without_the_reference_there_is_no_session(at_start: bool) -> None:
    def fail(key: str) -> None:
        if key == REFERENCE.key:
            raise MeasurementFailed("no delegate")

    def start(key: str) -> Start:
        if at_start:
            fail(key)
        return Start(1.0, 1.0, 1.0)

    def milliseconds(key: str, session: int, number: int) -> float:
        fail(key)
        return 1.0

    with pytest.raises(ReferenceFailed, match="reference model cannot be measured: no delegate"):
        run(Scripted(milliseconds, start=start))


@pytest.mark.parametrize("at_start", [True, False])
def test_a_lost_device_is_no_failure_of_a_model(at_start: bool) -> None:
    def start(key: str) -> Start:
        if at_start:
            raise DeviceLost("cable")
        return Start(1.0, 1.0, 1.0)

    def milliseconds(key: str, session: int, number: int) -> float:
        raise DeviceLost("cable")

    with pytest.raises(DeviceLost, match="cable"):
        run(Scripted(milliseconds, start=start))


def test_no_more_models_stay_loaded_than_fit() -> None:
    peaks = {KEYS[0]: 5.0, KEYS[1]: 8.0, KEYS[2]: 30.0, KEYS[3]: 9.0, KEYS[4]: None, KEYS[5]: 8.5}
    backend = Scripted(start=lambda key: Start(1.0, 1.0, peaks.get(key, 40.0)))
    run(backend, max_loaded_mib=22)
    kept = {call.key for call in backend.calls if call.keep_loaded}
    assert kept == {KEYS[4], KEYS[0], KEYS[1]}, "1 MiB of file, 5 and 8 MiB; the next one makes 22.5"


@pytest.mark.parametrize("told", [True, False])
def test_a_model_left_out_earlier_needs_no_memory(told: bool) -> None:
    """Room for six of seven models of 1 MiB: without the one that was left out the others all fit."""
    backend = Scripted(start=lambda key: Start(1.0, 1.0, 1.0 if told else None))
    settings = SETTINGS.model_copy(update={"max_loaded_mib": 6})
    left = [model for model in MODELS if model.key != KEYS[2]]
    session = run_session(backend, left, settings, 1, Place(1, 2, 1))
    assert session.asked == [model.key for model in left]
    assert {call.key for call in backend.calls if call.keep_loaded} == {model.key for model in left}


@pytest.mark.parametrize("told", [True, False])
def test_a_model_that_does_not_start_takes_up_no_memory(told: bool) -> None:
    def start(key: str) -> Start:
        if key == KEYS[2]:
            raise MeasurementFailed("does not load")
        return Start(1.0, 1.0, 1.0 if told else None)

    backend = Scripted(start=start)
    run(backend, max_loaded_mib=6)
    assert {call.key for call in backend.calls if call.keep_loaded} == set(KEYS) - {KEYS[2]}


def test_a_model_that_fails_in_a_round_frees_its_memory_for_the_next() -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if (key, number) == (KEYS[2], 2):
            raise MeasurementFailed("crashed")
        return 1.0

    backend = Scripted(milliseconds)
    run(backend, max_loaded_mib=60)
    kept = [{call.key for call in backend.calls if call.keep_loaded and call.round == n} for n in (1, 2, 3)]
    assert (len(kept[0]), len(kept[1]), kept[2]) == (6, 6, set(KEYS) - {KEYS[2]})


def test_conditions_tell_what_the_device_told() -> None:
    sensors = [Sensors({"cpu": 40.0, "skin": 30.0}, False), Sensors({"cpu": 55.5, "battery": 33.0}, None)]
    conditions = run(Scripted(sensors=sensors)).conditions
    assert conditions.temperatures_c == {"cpu": (40.0, 55.5)}
    assert conditions.throttled is False
    assert conditions.started.endswith("Z")
    assert conditions.seconds >= 0

    assert run(Scripted()).conditions.throttled is None
    assert run(Scripted(sensors=[Sensors(), Sensors(throttled=True)])).conditions.throttled is True
    assert run(Scripted(sensors=[Sensors(throttled=True), Sensors()])).conditions.throttled is True


def test_conditions_tell_who_else_was_there() -> None:
    sensors = [Sensors(load=0.5, preemptions=3), Sensors(load=2.25, preemptions=40)]
    conditions = run(Scripted(sensors=sensors)).conditions
    assert (conditions.load, conditions.preemptions) == ((0.5, 2.25), 37)
    first = run(Scripted(sensors=[Sensors(), Sensors(load=1.0, preemptions=4)])).conditions
    assert (first.load, first.preemptions) == (None, 4), "nothing was timed before: counted from none"
    assert run(Scripted()).conditions.preemptions is None


def test_progress_names_the_place_and_the_rest(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 10))
    monkeypatch.setattr(sessions.time, "monotonic", lambda: next(seconds))
    with caplog.at_level(logging.INFO, "tinytrill.latency_benchmark"):
        run(Scripted())
    lines = [record.getMessage() for record in caplog.records]
    # 7 models, 4 rounds, 2 more sessions: 84 steps of 10 s. A line every second step, as 15 s go by.
    assert lines[0] == "latency: attempt 1, session 1, round 1 of 4, 7 % of the session; about 820 s to go"
    assert len(lines) == 14
