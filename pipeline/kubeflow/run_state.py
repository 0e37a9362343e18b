"""A run on Kubeflow Pipelines as a person asks about it: its state, and that of each of its tasks.

The server tells of the nodes of an Argo workflow: beside a task ``trainer`` there are ``trainer-driver``
(which looks into the cache and makes the pod) and ``executor`` nodes; what has not begun is not there at all.
Which tasks there are, the run's own specification says. Of a node within a task that is itself a graph, the
server does not say in which: those steps are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

SUCCEEDED, FAILED, PENDING, RUNNING, SKIPPED = "SUCCEEDED", "FAILED", "PENDING", "RUNNING", "SKIPPED"
BROKEN = (FAILED, "ERROR")
_WELL = (SUCCEEDED, "CACHED")
_FINISHED = frozenset({*_WELL, *BROKEN, SKIPPED, "CANCELED"})
# If several nodes have a task's name, it is as well as the worst of them.
_WORST_FIRST = (*BROKEN, "CANCELED", "CANCELING", "PAUSED", RUNNING, PENDING, *_WELL, SKIPPED)
_DRIVER = "-driver"
# The server writes times that are unknown as the first moment of its calendar, or of Unix's.
_FIRST_YEAR = 2000


class _Timed(BaseModel):
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


class TaskState(_Timed):
    """A task of the root graph.

    Attributes:
      name: As the pipeline calls it.
      state: Of KFP's: ``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``SKIPPED``, ``CANCELED``, ….
      started_at: None before that.
      finished_at: None before that.
      error: Last line of why it failed; many servers do not tell.
    """


class StepState(BaseModel):
    """A step that every one of several tasks takes, as the trainer of each candidate.

    Attributes:
      name: As the pipeline calls it.
      total: How many tasks take it.
      states: How many have it in which state; the others have not come to it.
      errors: Last line of why it failed, of each that tells.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    total: int
    states: dict[str, int]
    errors: tuple[str, ...] = ()

    @property
    def over(self) -> int:
        """In how many tasks it is over, well or not."""
        return sum(number for state, number in self.states.items() if state in _FINISHED)


class RunState(_Timed):
    """A run; what :class:`TaskState` has, and its tasks.

    Attributes:
      run_id: The server's.
      experiment_id: The server's.
      page: Address of its page.
      tasks: In the order in which they began, then in that in which they will.
      steps: Within those tasks that are graphs themselves.
    """

    run_id: str
    experiment_id: str = ""
    page: str = ""
    tasks: tuple[TaskState, ...] = ()
    steps: tuple[StepState, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether all went well; false while it runs."""
        return self.state in _WELL

    def count(self, *states: str) -> int:
        """How many tasks are in one of the states."""
        return sum(task.state in states for task in self.tasks)


def run_state(run: Any, page: str) -> RunState:
    """Reads what the server tells of a run.

    Args:
      run: The SDK's ``V2beta1Run``.
      page: Address of the run's page.
    """
    state = str(run.state or PENDING)
    over = state in _FINISHED
    nodes = list((run.run_details and run.run_details.task_details) or ())
    names, inner = _named(run.pipeline_spec, nodes)
    tasks = [_task(name, aliases, nodes, over) for name, aliases in names.items()]
    order = {task.name: index for index, task in enumerate(tasks)}
    tasks.sort(key=lambda task: (task.started_at is None, task.started_at or datetime.min, order[task.name]))
    return RunState(
        run_id=run.run_id,
        name=run.display_name or "",
        state=state,
        started_at=_moment(run.created_at),
        finished_at=_moment(run.finished_at) if over else None,
        error=_last_line(run.error) or _last_error(run.state_history),
        experiment_id=run.experiment_id or "",
        page=page,
        tasks=tuple(tasks),
        steps=tuple(_step(name, total, nodes) for name, total in inner.items() if name not in names),
    )


def _named(stored: Any, nodes: Sequence[Any]) -> tuple[dict[str, set[str]], Counter[str]]:
    """Root tasks with all their names, each after what it needs; and the steps within them, counted."""
    specification = stored.get("pipeline_spec", stored) if isinstance(stored, dict) else {}
    names: dict[str, set[str]] = {}
    inner: Counter[str] = Counter()
    components = specification.get("components") or {}
    for name, task in _in_order(specification.get("root") or {}):
        names[name] = {name, (task.get("taskInfo") or {}).get("name") or name}
        inner.update(_within(task, components))
    if not names:
        # A run of an uploaded pipeline may come without its specification: whatever has a driver is a task.
        shown = dict.fromkeys(node.display_name or "" for node in nodes)
        names = {name: {name} for name in shown if f"{name}{_DRIVER}" in shown and name != "root"}
    return names, inner


def _in_order(component: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    tasks = (component.get("dag") or {}).get("tasks") or {}
    needs = {name: set(task.get("dependentTasks") or ()) & set(tasks) for name, task in sorted(tasks.items())}
    try:
        ordered = list(TopologicalSorter(needs).static_order())
    except CycleError:
        ordered = sorted(tasks)
    return [(name, tasks[name]) for name in ordered]


def _within(task: Mapping[str, Any], components: Mapping[str, Any]) -> Iterable[str]:
    component = components.get((task.get("componentRef") or {}).get("name", ""), {})
    for name, inner in _in_order(component):
        deeper = list(_within(inner, components))
        yield from deeper or [name]


def _task(name: str, names: set[str], nodes: Sequence[Any], over: bool) -> TaskState:
    own = [node for node in nodes if node.display_name in names]
    drivers = [
        node for node in nodes if node not in own and str(node.display_name).removesuffix(_DRIVER) in names
    ]
    states = [str(node.state or PENDING) for node in own]
    states += [str(driver.state) for driver in drivers if driver.state in (*BROKEN, "CANCELED")]
    # A driver alone: the task's own pod is not there yet.
    state = min(states, key=_rank, default=SKIPPED if over else RUNNING if drivers else PENDING)
    told = [*own, *drivers]
    started = [moment for node in told if (moment := _moment(node.start_time))]
    ended = [moment for node in told if (moment := _moment(node.end_time))]
    return TaskState(
        name=name,
        state=state,
        started_at=None if state in (PENDING, SKIPPED) else min(started, default=None),
        finished_at=max(ended, default=None) if state in _FINISHED and state != SKIPPED else None,
        error=next(_errors(told), "") if state in BROKEN else "",
    )


def _step(name: str, total: int, nodes: Sequence[Any]) -> StepState:
    own = [node for node in nodes if node.display_name == name]
    drivers = [node for node in nodes if node.display_name == f"{name}{_DRIVER}" and node.state in BROKEN]
    told = [*own, *drivers]
    states = Counter(str(node.state or PENDING) for node in told)
    return StepState(name=name, total=total, states=dict(sorted(states.items())), errors=tuple(_errors(told)))


def _rank(state: str) -> int:
    return _WORST_FIRST.index(state if state in _WORST_FIRST else RUNNING)


def _errors(nodes: Iterable[Any]) -> Iterator[str]:
    broken = (node for node in nodes if node.state in BROKEN)
    return (line for node in broken if (line := _last_line(node.error) or _last_error(node.state_history)))


def _last_error(history: Any) -> str:
    return next((line for status in reversed(history or ()) if (line := _last_line(status.error))), "")


def _last_line(error: Any) -> str:
    """The last line of a message: the reason, below what led to it."""
    lines = [line.strip() for line in ((error and error.message) or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _moment(time: datetime | None) -> datetime | None:
    return time if time is not None and time.year >= _FIRST_YEAR else None
