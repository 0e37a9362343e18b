"""Which tasks enter the mean that decides, and why the others are shown only.

A mean is only as sure as its noisiest member, and a task that plain statistics solve measures nothing of a
model. So shown only are: tasks that the settings name; smoke tests, of too few tested clips; and tasks that
are saturated, because log-mel statistics solve them on *validation* (test decides nothing). If no task is
left, all decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.noss_reports import NossModelResult, TaskResult


def shown_only(
    results: Sequence[TaskResult], settings: NossEvaluatorSettings, floor: Sequence[TaskResult] = ()
) -> dict[str, str]:
    """By task why it is shown only.

    Args:
      results: Of any model: what counts is the same for all.
      settings: What is named, and the limits.
      floor: Of log-mel statistics, if they were measured.
    """
    solved = {one.task: one.validation for one in floor if one.validation >= settings.saturated_at}
    reasons: dict[str, str] = {}
    for one in results:
        if one.task in settings.report_tasks:
            reasons[one.task] = "it is one of evaluation.report_tasks"
        elif one.n_test < settings.min_deciding_clips:
            reasons[one.task] = (
                f"a smoke test: {one.n_test} tested clips, {settings.min_deciding_clips} are needed to decide"
            )
        elif one.task in solved:
            reasons[one.task] = (
                f"saturated: log-mel statistics score {solved[one.task]:.3f} on validation, "
                f"{settings.saturated_at:g} or more says nothing of a model"
            )
    return {} if len(reasons) == len(results) else reasons


def known_from(teacher: NossModelResult) -> dict[str, str]:
    """What was decided when the teacher was measured, on the same tasks."""
    return {task.task: task.shown_only for task in teacher.tasks if task.shown_only}


def marked(results: Sequence[TaskResult], reasons: Mapping[str, str]) -> list[TaskResult]:
    """The results, each with why it is shown only."""
    return [one.model_copy(update={"shown_only": reasons.get(one.task, "")}) for one in results]
