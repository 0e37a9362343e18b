"""Waiting for a run: says when a task changes its state, and outlives a server that is away for a while.

The SDK's own waiting says nothing meanwhile, ends with the first failure of the server, and does not know
that a cancelled run is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.kubeflow.faults import KubeflowFault, NoPipelinesApi, ServerUnreachable
from pipeline.kubeflow.run_state import PENDING, RunState
from pipeline.kubeflow.run_text import duration, task_line

_POLL_S = 5.0
# An update of a cluster's control plane, or of its ingress, is over by then.
_LONGEST_OUTAGE_S = 900.0


class StillRunning(KubeflowFault):
    """The time for waiting is over; the run continues."""


def follow(
    ask: Callable[[], RunState], say: Callable[[str], object], timeout_s: float | None = None
) -> RunState:
    """Waits until a run is over.

    Args:
      ask: Asks the server for the run's state.
      say: Is told what changes, a line each.
      timeout_s: How long to wait; None: as long as it takes.

    Returns:
      The run's last state.

    Raises:
      StillRunning: If the time is over.
      ServerUnreachable: If the server is away for longer than a quarter of an hour.
      NoPipelinesApi: If something else answers in its place, from the start or for so long.
      Refused: If the server does not know the run, or no longer the user.
    """
    end = None if timeout_s is None else time.monotonic() + timeout_s
    known: dict[str, str] | None = None
    away_since: float | None = None
    while True:
        try:
            run = ask()
        except (ServerUnreachable, NoPipelinesApi) as fault:
            # While pods are being replaced, a gateway may answer in their place; but not from the start.
            if isinstance(fault, NoPipelinesApi) and known is None:
                raise
            if away_since is None:
                away_since = time.monotonic()
                say(f"{fault}; the run continues meanwhile, and the server is asked again")
            elif time.monotonic() - away_since > _LONGEST_OUTAGE_S:
                raise
        else:
            if away_since is not None:
                say(f"the server answers again, after {duration(time.monotonic() - away_since)}")
                away_since = None
            over = sum(task.finished for task in run.tasks)
            for task in run.tasks:
                if (known or {}).get(task.name, PENDING) != task.state:
                    say(f"[{over}/{len(run.tasks)}] {task_line(task)}")
            known = {task.name: task.state for task in run.tasks}
            if run.finished:
                return run
        if end is not None and time.monotonic() >= end:
            raise StillRunning(f"the run is not over after {timeout_s:g} s")
        time.sleep(_POLL_S if end is None else min(_POLL_S, end - time.monotonic()))
