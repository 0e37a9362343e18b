"""Waiting for a run: says when a task changes its state, and outlives a server that is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.kubeflow.faults import KubeflowFault, NoPipelinesApi, ServerUnreachable
from pipeline.kubeflow.run_state import PENDING, RunState, StepState, TaskState

_POLL_S = 5.0
_LONGEST_PAUSE_S = 60.0
# An update of a cluster's control plane, or of its ingress, is over by then.
_LONGEST_OUTAGE_S = 900.0


class Asks(Protocol):
    """Whoever can be asked for the state of a run, as :class:`pipeline.kubeflow.client.PipelinesServer`."""

    def run(self, run_id: str) -> RunState:
        """The state of a run."""


@dataclass(frozen=True)
class Clock:
    """What time it is, and how one waits; a test has its own.

    Attributes:
      now: Seconds that pass evenly.
      sleep: Waits so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class StillRunning(KubeflowFault):
    """The time for waiting is over; the run continues."""


class Watcher(Protocol):
    """Who is told while a run is waited for."""

    def task(self, task: TaskState, run: RunState) -> None:
        """A task's state has changed."""

    def step(self, step: StepState) -> None:
        """A step is over in more tasks than before."""

    def away(self, fault: Exception) -> None:
        """The server has stopped answering; it is asked again."""

    def back(self, seconds: float) -> None:
        """The server answers again, after so many seconds."""


def follow(
    server: Asks,
    run_id: str,
    watcher: Watcher,
    timeout_s: float | None = None,
    clock: Clock | None = None,
) -> RunState:
    """Waits until a run is over.

    Args:
      server: Is asked every few seconds.
      run_id: Of the run.
      watcher: Is told what changes.
      timeout_s: How long to wait; None: as long as it takes.
      clock: Of a test.

    Returns:
      The run's last state.

    Raises:
      StillRunning: If the time is over.
      ServerUnreachable: If the server is away for longer than a quarter of an hour.
      NoPipelinesApi: If something else answers in its place, from the start or for so long.
      Refused: If the server does not know the run, or no longer the user.
    """
    clock = clock or Clock()
    end = None if timeout_s is None else clock.now() + timeout_s
    known: dict[str, str] = {}
    taken: dict[str, int] = {}
    away_since: float | None = None
    seen = False
    pauses = _pauses()
    while True:
        try:
            run = server.run(run_id)
        except (ServerUnreachable, NoPipelinesApi) as fault:
            # While pods are being replaced, a gateway may answer in their place; but not from the start.
            if isinstance(fault, NoPipelinesApi) and not seen:
                raise
            if away_since is None:
                away_since = clock.now()
                watcher.away(fault)
            elif clock.now() - away_since > _LONGEST_OUTAGE_S:
                raise
        else:
            seen = True
            if away_since is not None:
                watcher.back(clock.now() - away_since)
                away_since, pauses = None, _pauses()
            for task in run.tasks:
                if known.get(task.name, PENDING) != task.state:
                    watcher.task(task, run)
                known[task.name] = task.state
            for step in run.steps:
                if taken.get(step.name, 0) != step.over:
                    watcher.step(step)
                taken[step.name] = step.over
            if run.finished:
                return run
        pause = _POLL_S if away_since is None else next(pauses)
        if end is not None:
            if clock.now() >= end:
                raise StillRunning(f"the run {run_id} is not over after {timeout_s:g} s")
            pause = min(pause, end - clock.now())
        clock.sleep(pause)


def _pauses() -> Iterator[float]:
    """Twice as long each time, up to a minute."""
    pause = _POLL_S
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_S)
