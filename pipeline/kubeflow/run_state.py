"""A run on Kubeflow Pipelines as a person asks about it: its state, and that of each of its tasks.

The server tells of the nodes of an Argo workflow: beside a task ``trainer`` there are ``trainer-driver``
(which looks into the cache and makes the pod) and ``executor`` nodes; what has not begun is not there at all.
Which tasks there are, the run's own specification says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

SUCCEEDED, FAILED, PENDING, RUNNING, SKIPPED = "SUCCEEDED", "FAILED", "PENDING", "RUNNING", "SKIPPED"
BROKEN = (FAILED, "ERROR")
_WELL = (SUCCEEDED, "CACHED")
_ENDED = (*_WELL, *BROKEN, "CANCELED")
_FINISHED = (*_ENDED, SKIPPED)
_DRIVER = "-driver"
# The server writes times that are unknown as the first moment of its calendar, or of Unix's.
_FIRST_YEAR = 2000


class TaskState(BaseModel):
    """A task of the run.

    Attributes:
      name: As the pipeline calls it.
      state: Of KFP's: ``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``SKIPPED``, ``CANCELED``, ….
      started_at: None before that.
      finished_at: None before that.
      error: Last line of why it failed; many servers do not tell.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def duration_s(self) -> float | None:
        """From start to end; None before the end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def finished(self) -> bool:
        """Whether it is over, well or not."""
        return self.state in _FINISHED


class RunState(TaskState):
    """A run; what :class:`TaskState` has, and its tasks.

    Attributes:
      run_id: The server's.
      experiment_id: The server's.
      page: Address of its page.
      tasks: In the order in which they began, then in that in which they will.
    """

    run_id: str
    experiment_id: str = ""
    page: str = ""
    tasks: tuple[TaskState, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether all went well; false while it runs."""
        return self.state in _WELL


def run_state(run: Any, page: str) -> RunState:
    """Reads what the server tells of a run.

    Args:
      run: The SDK's ``V2beta1Run``.
      page: Address of the run's page.
    """
    state = str(run.state or PENDING)
    over = state in _FINISHED
    nodes = {node.display_name: node for node in (run.run_details and run.run_details.task_details) or ()}
    # A run of an uploaded pipeline may come without its specification: whatever has a driver is a task.
    names = _tasks(run.pipeline_spec) or [
        name for name in nodes if f"{name}{_DRIVER}" in nodes and name != "root"
    ]
    tasks = [_task(name, nodes.get(name), nodes.get(f"{name}{_DRIVER}"), over) for name in names]
    tasks.sort(key=lambda task: task.started_at.timestamp() if task.started_at else math.inf)
    return RunState(
        run_id=run.run_id,
        name=run.display_name or "",
        state=state,
        started_at=_moment(run.created_at),
        finished_at=_moment(run.finished_at) if over else None,
        error=_reason(run),
        experiment_id=run.experiment_id or "",
        page=page,
        tasks=tuple(tasks),
    )


def _tasks(stored: Any) -> list[str]:
    """Names of a specification's tasks, each after what it needs."""
    specification: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
    specification = specification.get("pipeline_spec", specification)
    tasks = ((specification.get("root") or {}).get("dag") or {}).get("tasks") or {}
    needs = {name: set(task.get("dependentTasks") or ()) & set(tasks) for name, task in sorted(tasks.items())}
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return sorted(tasks)


def _task(name: str, own: Any, driver: Any, over: bool) -> TaskState:
    """A task from its node and its driver's, each None if there is none yet."""
    if driver is not None and driver.state in (*BROKEN, "CANCELED"):
        state = str(driver.state)
    elif own is not None:
        state = str(own.state or PENDING)
    else:
        # A driver alone: the task's own pod is not there yet.
        state = SKIPPED if over else PENDING if driver is None else RUNNING
    told = [node for node in (own, driver) if node is not None]
    started = [moment for node in told if (moment := _moment(node.start_time))]
    ended = [moment for node in told if (moment := _moment(node.end_time))]
    return TaskState(
        name=name,
        state=state,
        started_at=None if state in (PENDING, SKIPPED) else min(started, default=None),
        finished_at=max(ended, default=None) if state in _ENDED else None,
        error=next(filter(None, map(_reason, told)), "") if state in BROKEN else "",
    )


def _reason(told: Any) -> str:
    """The last line of an error: the reason, below what led to it; the latest that is told."""
    for error in (told.error, *(status.error for status in reversed(told.state_history or ()))):
        if lines := ((error and error.message) or "").strip().splitlines():
            return str(lines[-1]).strip()
    return ""


def _moment(time: datetime | None) -> datetime | None:
    return time if time is not None and time.year >= _FIRST_YEAR else None
