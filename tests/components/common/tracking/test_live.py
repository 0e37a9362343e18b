"""Curves that are sent while a student trains; the store is SQLite, its faults are made up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from components.common.tracking import live as module
from components.common.tracking.faults import StoreUnreachable
from components.common.tracking.live import LiveTracking, following
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from components.frontier_pusher.metrics import training_metrics
from schemas.run_context import RunContext
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec
from tests.components.common.tracking.following import (
    CODE,
    context_of,
    curve,
    epoch_of,
    nested,
    say_began,
    say_ended,
    say_epoch,
    sqlite_store,
)
from tests.students import mobilenet

LONG = 60.0  # a wait that only a broken thread lasts


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


class Switch:
    """A tracker that can be away; counts how often it was tried."""

    def __init__(self) -> None:
        self.is_on = True
        self.tries = 0

    def connect(self, store: Store) -> Tracker:
        self.tries += 1
        if not self.is_on:
            raise StoreUnreachable("the MLflow server http://made.up does not answer")
        return Tracker(store)


@pytest.fixture
def context(tmp_path: Path, empty_store: Path) -> RunContext:
    return context_of(sqlite_store(tmp_path, empty_store))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Switch:
    made = Switch()
    monkeypatch.setattr(module, "Tracker", made.connect)
    return made


@pytest.fixture(autouse=True)
def heard_by_caplog() -> Iterator[None]:
    logger = logging.getLogger("tinytrill")
    before, logger.propagate = logger.propagate, True
    yield
    logger.propagate = before


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_curve_grows_while_the_training_goes_on(context: RunContext) -> None:
    with following(context) as live:
        say_began(pooling="gap", seed="5")
        say_epoch(1)
        live.wait(LONG)
        assert curve(context) == [[1, 1.0, 1.5]]
        (run,) = nested(context)
        assert run.info.status == "RUNNING"
        assert run.data.params == {"pooling": "gap", "seed": "5"}
        assert run.data.tags["mlflow.parentRunId"] == context.parent_run_id
        say_epoch(2)
        live.wait(LONG)
        assert curve(context) == [[1, 1.0, 1.5], [2, 0.5, 3.0]]
        assert curve(context, name="training/validation_loss") == [[1, 2.0, 1.5], [2, 1.0, 3.0]]
        say_epoch(3)
        say_ended()
        # The end of a training waits until its curve is whole.
        assert [step for step, _, _ in curve(context)] == [1, 2, 3]
    # What comes after the training, as its quality, belongs to the run too.
    assert nested(context)[0].info.status == "RUNNING"


def test_the_record_that_comes_later_adds_nothing_twice(context: RunContext) -> None:
    with following(context):
        say_began()
        for number in (1, 2, 3):
            say_epoch(number)
        say_ended()
    before = curve(context)
    student = StudentInfo(
        candidate_id="one",
        spec=mobilenet("tiny"),
        front_end=FrontEndSpec(),
        parameters=1,
        target_dim=8,
        target_variance_explained=0.5,
        seed=5,
        best_epoch=3,
        epochs=[epoch_of(number) for number in (1, 2, 3)],
        steps=3,
        windows_per_second=1.0,
    )
    (run,) = nested(context)
    Tracker(Store(context.tracking_uri)).log_metrics(run.info.run_id, training_metrics(student))
    assert curve(context) == before == [[1, 1.0, 1.5], [2, 0.5, 3.0], [3, 1 / 3, 4.5]]
    assert len(curve(context, name="training/seconds")) == 3
    assert len(curve(context, name="training/best_epoch")) == 1


def test_what_was_sent_is_not_sent_again(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[set[int]] = []
    monkeypatch.setattr(
        Tracker, "log_metrics", lambda self, run_id, points: sent.append({point.step for point in points})
    )
    with following(context) as live:
        say_began()
        for number in (1, 2, 3):
            say_epoch(number)
            live.wait(LONG)
        say_ended()
    assert sent == [{1}, {2}, {3}]


def test_each_student_has_its_run_and_a_resumed_one_goes_on_in_it(context: RunContext) -> None:
    with following(context):
        say_began("one")
        say_epoch(1, "one")
        say_began("two")
        say_epoch(1, "two")
        say_ended("two")
    # The first training was killed; another process goes on.
    with following(context):
        say_began("one")
        say_epoch(2, "one")
        say_ended("one")
    assert curve(context, "one") == [[1, 1.0, 1.5], [2, 0.5, 3.0]]
    assert curve(context, "two") == [[1, 1.0, 1.5]]


@pytest.mark.parametrize(
    ("ended", "status", "steps"), [("FINISHED", "FINISHED", []), ("FAILED", "RUNNING", [1])]
)
def test_a_finished_run_is_left_alone_and_a_failed_one_goes_on(
    context: RunContext, ended: str, status: str, steps: list[int]
) -> None:
    tracker = Tracker(Store(context.tracking_uri))
    run_id = tracker.candidate(context.parent_run_id, "key", "test-run", "one")
    tracker.finish(run_id, ended)
    with following(context):
        say_began(seed="5")
        say_epoch(1)
        say_ended()
    (run,) = nested(context)
    assert (run.info.run_id, run.info.status, len(run.data.params)) == (run_id, status, len(steps))
    assert [step for step, _, _ in curve(context)] == steps


def test_a_run_that_could_not_be_opened_is_opened_by_its_first_training(
    tmp_path: Path, empty_store: Path
) -> None:
    context = context_of(sqlite_store(tmp_path, empty_store), opened=False)
    with following(context):
        say_began()
        say_epoch(1)
        say_ended()
    (run,) = nested(context)
    parent = Tracker(Store(context.tracking_uri)).begin("key", "test-run", CODE)
    assert run.data.tags["mlflow.parentRunId"] == parent
    tags = MlflowClient(context.tracking_uri).get_run(parent).data.tags
    assert tags["mlflow.source.git.commit"] == CODE.code_version


def test_figures_that_are_no_numbers_are_left_out(context: RunContext) -> None:
    with following(context):
        say_began()
        say_epoch(1, loss=float("nan"))
        say_ended()
    assert curve(context) == []
    assert curve(context, name="training/validation_loss") == [[1, 2.0, 1.5]]


def test_a_store_that_goes_away_is_told_once_and_gets_all_when_it_is_back(
    context: RunContext, clock: Clock, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    with following(context) as live:
        switch.is_on = False
        say_began()
        live.wait(LONG)
        assert [text for text in warnings(caplog) if "http://made.up does not answer" in text] == warnings(
            caplog
        )
        assert (len(warnings(caplog)), switch.tries) == (1, 1)
        clock.now += 14
        say_epoch(1)
        live.wait(LONG)
        assert switch.tries == 1
        clock.now += 2
        say_epoch(2)
        live.wait(LONG)
        assert (len(warnings(caplog)), switch.tries) == (1, 2)
        clock.now += 3600
        say_epoch(3)
        live.wait(LONG)
        assert (len(warnings(caplog)), switch.tries) == (1, 3)
        switch.is_on = True
        clock.now += 16
        say_epoch(4)
        live.wait(LONG)
        assert [step for step, _, _ in curve(context)] == [1, 2, 3, 4]
        assert len(warnings(caplog)) == 1


def test_a_store_that_comes_and_goes_is_told_of_once_a_minute(
    context: RunContext,
    clock: Clock,
    switch: Switch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = False
    log_metrics = Tracker.log_metrics

    def perhaps(self: Tracker, *args: Any) -> None:
        if fails:
            raise StoreUnreachable("away")
        log_metrics(self, *args)

    monkeypatch.setattr(Tracker, "log_metrics", perhaps)
    told = []
    with following(context) as live:
        say_began()
        for number in range(1, 7):
            fails = number % 2 == 1
            say_epoch(number)
            live.wait(LONG)
            told.append(len(warnings(caplog)))
            clock.now += 20
    # Away at 0, 40 and 80 seconds, back 20 seconds later each time.
    assert told == [1, 1, 1, 1, 2, 2]
    # After each fault it is asked first whether anybody is there.
    assert switch.tries == 1 + 3
    assert [step for step, _, _ in curve(context)] == [1, 2, 3, 4, 5, 6]


def test_the_end_of_the_run_is_a_last_try(context: RunContext, clock: Clock, switch: Switch) -> None:
    switch.is_on = False
    with following(context) as live:
        say_began()
        say_epoch(1)
        say_ended()
        live.wait(LONG)
        assert switch.tries == 1
        switch.is_on = True
    assert [step for step, _, _ in curve(context)] == [1]


def test_a_store_that_is_away_is_not_asked_while_nobody_trains(
    context: RunContext, clock: Clock, switch: Switch
) -> None:
    switch.is_on = False
    with following(context) as live:
        say_began()
        live.wait(LONG)
        assert live._pause() == module.TRY_AGAIN_S
        say_ended()
        live.wait(LONG)
        assert live._pause() is None


def test_the_training_never_waits_for_a_store_that_hangs(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, asked_by = threading.Event(), []

    def connect(store: Store) -> Tracker:
        asked_by.append(threading.current_thread())
        assert hangs.wait(LONG)
        return Tracker(store)

    monkeypatch.setattr(module, "Tracker", connect)
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    with following(context) as live:
        say_began()
        for number in range(1, 5):
            say_epoch(number)
        say_ended()
        # All was said although the first call has not come back yet.
        assert not hangs.is_set()
        hangs.set()
        live.wait(LONG)
    assert threading.current_thread() not in asked_by
    assert [step for step, _, _ in curve(context)] == [1, 2, 3, 4]


def test_whatever_goes_wrong_inside_is_a_warning_and_the_thread_goes_on(
    context: RunContext, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with following(context) as live, monkeypatch.context() as broken:
        broken.setattr(Tracker, "candidate", lambda *args: 1 / 0)
        say_began()
        live.wait(LONG)
        broken.undo()
        assert warnings(caplog)[0].startswith("division by zero; the training continues")
        clock.now += 16
        say_epoch(1)
        live.wait(LONG)
        assert [step for step, _, _ in curve(context)] == [1]


def test_a_deleted_run_holds_up_no_other(
    context: RunContext, clock: Clock, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    with following(context) as live:
        say_began("one")
        live.wait(LONG)
        run_id = nested(context, "one")[0].info.run_id
        MlflowClient(context.tracking_uri).delete_run(run_id)
        say_epoch(1, "one")
        say_began("two")
        say_epoch(1, "two")
        live.wait(LONG)
        assert [step for step, _, _ in curve(context, "two")] == [1]
        say_epoch(2, "one")
        say_epoch(2, "two")
        live.wait(LONG)
        assert [step for step, _, _ in curve(context, "two")] == [1, 2]
    assert switch.tries == 1
    (told,) = warnings(caplog)
    assert run_id in told and told.endswith("the curve of one is sent with the run's record")


def test_a_handler_that_cannot_begin_stops_no_training(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with following(context), monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        say_began()
    assert "can't start new thread" in capsys.readouterr().err


def test_the_machine_is_sampled_while_a_student_trains(
    tmp_path: Path, empty_store: Path, clock: Clock
) -> None:
    context = context_of(sqlite_store(tmp_path, empty_store), system_metrics_seconds=10)
    with following(context) as live:
        say_began()
        live.wait(LONG)
        begun = nested(context)[0].info.start_time / 1000
        clock.now = begun
        for second, epoch in ((10, 1), (15, 2), (21, 3)):
            clock.now = begun + second
            say_epoch(epoch)
            live.wait(LONG)
        say_ended()
        clock.now = begun + 60
        live.wait(LONG)
    for name in ("cpu_utilization_percentage", "system_memory_usage_megabytes", "disk_usage_percentage"):
        sampled = curve(context, name=f"system/{name}")
        assert [(step, second) for step, _, second in sampled] == [(10, 10.0), (21, 21.0)]
    assert all(value > 0 for _, value, _ in curve(context, name="system/system_memory_usage_megabytes"))


def test_samples_of_the_machine_outlast_an_absence(
    tmp_path: Path, empty_store: Path, clock: Clock, switch: Switch
) -> None:
    context = context_of(sqlite_store(tmp_path, empty_store), system_metrics_seconds=10)
    switch.is_on = False
    with following(context) as live:
        say_began()
        live.wait(LONG)
        for number in (1, 2, 3):
            clock.now += 10
            switch.is_on = number == 3
            say_epoch(number)
            live.wait(LONG)
        clock.now += 10
        live.wait(LONG)
        assert len(curve(context, name="system/cpu_utilization_percentage")) == 4


def test_nobody_asks_for_the_machine(context: RunContext, clock: Clock) -> None:
    with following(context) as live:
        say_began()
        live.wait(LONG)
        clock.now += 100
        say_epoch(1)
        live.wait(LONG)
    assert not [name for name in nested(context)[0].data.metrics if name.startswith("system/")]


def test_a_run_that_trains_nothing_asks_the_store_nothing(context: RunContext, switch: Switch) -> None:
    threads = threading.active_count()
    with following(context) as live:
        logging.getLogger("tinytrill.noss_evaluator").info("nothing to do with it")
        live.wait(LONG)
        assert threading.active_count() == threads
    assert switch.tries == 0
    assert nested(context) == []


def test_the_log_is_as_before_afterwards(context: RunContext) -> None:
    logger = logging.getLogger("tinytrill")
    before = (logger.level, list(logger.handlers))
    logger.setLevel(logging.ERROR)
    with following(context):
        assert logger.isEnabledFor(logging.INFO)
    assert (logger.level, logger.handlers) == (logging.ERROR, before[1])
    logger.setLevel(before[0])
    LiveTracking(context).close()
