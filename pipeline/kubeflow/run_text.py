"""Runs in words: one line a task, one line for the whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.kubeflow.faults import one_line
from pipeline.kubeflow.run_state import BROKEN, RunState, StepState, TaskState

_REASONS = 3


def duration(seconds: float) -> str:
    """A duration, as in ``12 s``, ``3 min 4 s`` or ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def task_line(task: TaskState) -> str:
    """A task: its name, its state, how long it took, and why it failed."""
    taken = f" ({duration(task.duration_s)})" if task.duration_s is not None else ""
    reason = f": {one_line(task.error)}" if task.error else ""
    return f"{task.name} {task.state.lower()}{taken}{reason}"


def step_line(step: StepState) -> str:
    """A step of several tasks: in how many of them it is in which state, and why it failed."""
    counts = [f"{number} {state.lower()}" for state, number in step.states.items()]
    # A hundred trainers may fail of the same.
    reasons = list(dict.fromkeys(one_line(error) for error in step.errors))
    more = [f"and {len(reasons) - _REASONS} more reasons"] if len(reasons) > _REASONS else []
    told = "; ".join([", ".join(counts) or "not begun", *reasons[:_REASONS], *more])
    return f"{step.name} ({step.total} in all): {told}"


def overall_lines(run: RunState) -> list[str]:
    """The whole run: its state and its tasks' counts, why it failed, and where its page is."""
    taken = f" in {duration(run.duration_s)}" if run.duration_s is not None else ""
    states = dict.fromkeys(sorted(task.state for task in run.tasks))
    counts = ", ".join(f"{run.count(state)} {state.lower()}" for state in states)
    tasks = f"; {len(run.tasks)} tasks: {counts}" if counts else ""
    lines = [f"run {run.run_id} {run.state.lower()}{taken}{tasks}"]
    if run.error:
        lines.append(f"  {one_line(run.error)}")
    told = run.error or any(task.error for task in run.tasks) or any(step.errors for step in run.steps)
    if run.state in BROKEN and not told:
        lines.append("  the server does not say why: the logs of the failed tasks do, on the run's page")
    return [*lines, f"  {run.page}"]


def status_lines(run: RunState) -> list[str]:
    """A run as it stands: every task, then the whole."""
    since = f", since {run.started_at:%Y-%m-%d %H:%M:%S} UTC" if run.started_at else ""
    tasks = [f"  {task_line(task)}" for task in run.tasks]
    steps = [f"  {step_line(step)}" for step in run.steps]
    return [f"{run.name}{since}", *tasks, *steps, *overall_lines(run)]


class Lines:
    """Tells of a run line by line, each with the time; see :class:`pipeline.kubeflow.follow.Watcher`."""

    def __init__(self, write: Callable[[str], object], now: Callable[[], datetime] | None = None) -> None:
        """Tells.

        Args:
          write: Takes a line.
          now: The time of day; a test has its own.
        """
        self._write = write
        self._now = now or (lambda: datetime.now(UTC).astimezone())

    def task(self, task: TaskState, run: RunState) -> None:
        """A task's state has changed."""
        over = sum(one.finished for one in run.tasks)
        self._say(f"[{over}/{len(run.tasks)}] {task_line(task)}")

    def step(self, step: StepState) -> None:
        """A step is over in more tasks than before."""
        self._say(step_line(step))

    def away(self, fault: Exception) -> None:
        """The server has stopped answering."""
        self._say(f"{fault}; the run continues meanwhile, and the server is asked again")

    def back(self, seconds: float) -> None:
        """The server answers again."""
        self._say(f"the server answers again, after {duration(seconds)}")

    def _say(self, words: str) -> None:
        self._write(f"{self._now():%H:%M:%S} {words}")
