"""Waiting for a run, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.kubeflow.faults import NoPipelinesApi, NotFound, ServerUnreachable
from pipeline.kubeflow.follow import StillRunning, follow
from pipeline.kubeflow.run_state import RunState, TaskState
from tests.pipeline.kubeflow.made_up_clock import MadeUpClock

AWAY = ServerUnreachable("gone")


def answers(*given: RunState | Exception) -> Callable[[], RunState]:
    """Answers one after the other; the last for ever."""
    left = list(given)

    def ask() -> RunState:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def run(state: str, **tasks: str) -> RunState:
    states = tuple(TaskState(name=name, state=task) for name, task in tasks.items())
    return RunState(run_id="r", name="a run", state=state, tasks=states)


def test_each_change_is_told_once(clock: MadeUpClock) -> None:
    told: list[str] = []
    ask = answers(
        run("RUNNING", one="PENDING", two="PENDING"),
        run("RUNNING", one="RUNNING", two="PENDING"),
        run("RUNNING", one="RUNNING", two="RUNNING"),
        run("FAILED", one="FAILED", two="SUCCEEDED"),
    )

    assert follow(ask, told.append).state == "FAILED"

    assert told == ["[0/2] one running", "[0/2] two running", "[2/2] one failed", "[2/2] two succeeded"]
    assert clock.pauses == [5, 5, 5]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"])
def test_every_end_is_an_end(clock: MadeUpClock, state: str) -> None:
    """The SDK's own waiting knows no cancelled run."""
    assert follow(answers(run(state)), print).state == state
    assert clock.pauses == []


def test_outages_are_outlived_and_told_once(clock: MadeUpClock) -> None:
    told: list[str] = []
    follow(answers(AWAY, run("RUNNING"), AWAY, AWAY, AWAY, run("SUCCEEDED")), told.append)
    assert told == [
        "gone; the run continues meanwhile, and the server is asked again",
        "the server answers again, after 5 s",
        "gone; the run continues meanwhile, and the server is asked again",
        "the server answers again, after 15 s",
    ]


def test_gateway_that_answers_for_a_while_is_an_outage_but_not_from_the_start(clock: MadeUpClock) -> None:
    other = NoPipelinesApi("404")
    assert follow(answers(run("RUNNING"), other, run("SUCCEEDED")), print).succeeded
    with pytest.raises(NoPipelinesApi):
        follow(answers(other, run("SUCCEEDED")), print)


def test_outage_without_an_end_is_the_end(clock: MadeUpClock) -> None:
    with pytest.raises(ServerUnreachable):
        follow(answers(run("RUNNING"), AWAY), print)
    assert 900 < sum(clock.pauses[1:]) <= 910


def test_time_is_over_during_a_run_and_during_an_outage(clock: MadeUpClock) -> None:
    with pytest.raises(StillRunning, match="not over after 12 s"):
        follow(answers(run("RUNNING")), print, timeout_s=12)
    assert clock.pauses == [5, 5, 2]
    with pytest.raises(StillRunning):
        follow(answers(AWAY), print, timeout_s=12)


def test_run_that_ends_with_the_time_is_found(clock: MadeUpClock) -> None:
    assert follow(answers(run("RUNNING"), run("SUCCEEDED")), print, timeout_s=1).succeeded


def test_refusal_is_not_waited_out(clock: MadeUpClock) -> None:
    with pytest.raises(NotFound):
        follow(answers(run("RUNNING"), NotFound("none")), print)
    assert clock.pauses == [5]
