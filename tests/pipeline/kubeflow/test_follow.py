"""Waiting for a run, on a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from pipeline.kubeflow.faults import NoPipelinesApi, NotFound, ServerUnreachable
from pipeline.kubeflow.follow import Clock, StillRunning, follow
from pipeline.kubeflow.run_state import RunState, StepState, TaskState
from tests.pipeline.kubeflow.made_up_clock import MadeUpClock

AWAY = ServerUnreachable("gone")


class Server:
    """Answers one after the other; the last for ever."""

    def __init__(self, *answers: RunState | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def run(self, run_id: str) -> RunState:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Watcher:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def task(self, task: TaskState, run: RunState) -> None:
        self.told.append(f"{task.name} {task.state}")

    def step(self, step: StepState) -> None:
        self.told.append(f"{step.name} {step.over}/{step.total}")

    def away(self, fault: Exception) -> None:
        self.told.append(f"away: {fault}")

    def back(self, seconds: float) -> None:
        self.told.append(f"back after {seconds:g}")


@pytest.fixture
def clock() -> Iterator[MadeUpClock]:
    yield MadeUpClock()


def run(state: str, steps: Sequence[StepState] = (), **tasks: str) -> RunState:
    states = tuple(TaskState(name=name, state=task) for name, task in tasks.items())
    return RunState(run_id="r", name="a run", state=state, tasks=states, steps=tuple(steps))


def wait(
    server: Server, clock: MadeUpClock, timeout_s: float | None = None
) -> tuple[RunState | Exception, list[str]]:
    watcher = Watcher()
    try:
        return follow(server, "r", watcher, timeout_s, Clock(clock.now, clock.sleep)), watcher.told
    except (ServerUnreachable, StillRunning, NotFound, NoPipelinesApi) as error:
        return error, watcher.told


def test_each_change_is_told_once(clock: MadeUpClock) -> None:
    fit = StepState(name="fit", total=2, states={"RUNNING": 2})
    fitted = StepState(name="fit", total=2, states={"RUNNING": 1, "SUCCEEDED": 1})
    server = Server(
        run("RUNNING", one="PENDING", two="PENDING"),
        run("RUNNING", [fit], one="RUNNING", two="PENDING"),
        run("RUNNING", [fitted], one="RUNNING", two="RUNNING"),
        run("FAILED", [fitted], one="FAILED", two="SUCCEEDED"),
    )

    found, told = wait(server, clock)

    assert isinstance(found, RunState)
    assert found.state == "FAILED"
    assert told == ["one RUNNING", "two RUNNING", "fit 1/2", "one FAILED", "two SUCCEEDED"]
    assert clock.pauses == [5, 5, 5]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"])
def test_every_end_is_an_end(clock: MadeUpClock, state: str) -> None:
    """The SDK's own waiting knows no cancelled run."""
    found, _ = wait(Server(run(state)), clock)
    assert isinstance(found, RunState)
    assert clock.pauses == []


def test_outage_is_outlived_with_longer_and_longer_pauses(clock: MadeUpClock) -> None:
    server = Server(run("RUNNING"), *[AWAY] * 7, run("RUNNING"), AWAY, run("SUCCEEDED"))

    found, told = wait(server, clock)

    assert isinstance(found, RunState)
    # Running; seven times away; running; away once, with the pauses begun anew.
    assert clock.pauses == [5, 5, 10, 20, 40, 60, 60, 60, 5, 5]
    assert told == ["away: gone", "back after 255", "away: gone", "back after 5"]


def test_gateway_that_answers_for_a_while_is_an_outage_but_not_from_the_start(clock: MadeUpClock) -> None:
    other = NoPipelinesApi("404")

    found, told = wait(Server(run("RUNNING"), other, run("SUCCEEDED")), clock)
    assert isinstance(found, RunState)
    assert told == ["away: 404", "back after 5"]

    assert wait(Server(other, run("SUCCEEDED")), clock) == (other, [])


def test_outage_without_an_end_is_the_end(clock: MadeUpClock) -> None:
    found, told = wait(Server(run("RUNNING"), AWAY), clock)

    assert found is AWAY
    assert told == ["away: gone"]
    # 5 + 10 + 20 + 40 s, then each minute until more than 15 min are over.
    assert 900 < sum(clock.pauses[1:]) <= 960


def test_time_is_over_during_a_run_and_during_an_outage(clock: MadeUpClock) -> None:
    found, _ = wait(Server(run("RUNNING")), clock, timeout_s=12)
    assert isinstance(found, StillRunning)
    assert str(found) == "the run r is not over after 12 s"
    assert clock.pauses == [5, 5, 2]

    found, _ = wait(Server(AWAY), clock, timeout_s=12)
    assert isinstance(found, StillRunning)


def test_run_that_ends_with_the_time_is_found(clock: MadeUpClock) -> None:
    found, _ = wait(Server(run("RUNNING"), run("SUCCEEDED")), clock, timeout_s=1)
    assert isinstance(found, RunState)


def test_refusal_is_not_waited_out(clock: MadeUpClock) -> None:
    found, _ = wait(Server(NotFound("none")), clock)
    assert isinstance(found, NotFound)
    assert clock.pauses == []
