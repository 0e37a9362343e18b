"""Runs in words: one line a task, one line for the whole."""

from __future__ import annotations

from collections import Counter

from pipeline.kubeflow.faults import one_line
from pipeline.kubeflow.run_state import BROKEN, RunState, TaskState


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


def overall_lines(run: RunState) -> list[str]:
    """The whole run: its state and its tasks' counts, why it failed, and where its page is."""
    taken = f" in {duration(run.duration_s)}" if run.duration_s is not None else ""
    states = sorted(Counter(task.state for task in run.tasks).items())
    counts = ", ".join(f"{number} {state.lower()}" for state, number in states)
    tasks = f"; {len(run.tasks)} tasks: {counts}" if counts else ""
    lines = [f"run {run.run_id} {run.state.lower()}{taken}{tasks}"]
    if run.error:
        lines.append(f"  {one_line(run.error)}")
    elif run.state in BROKEN and not any(task.error for task in run.tasks):
        lines.append("  the server does not say why: the logs of the failed tasks do, on the run's page")
    return [*lines, f"  {run.page}"]


def status_lines(run: RunState) -> list[str]:
    """A run as it stands: every task, then the whole."""
    since = f", since {run.started_at:%Y-%m-%d %H:%M:%S} UTC" if run.started_at else ""
    return [f"{run.name}{since}", *(f"  {task_line(task)}" for task in run.tasks), *overall_lines(run)]
