"""Which tasks enter the mean, by rule."""

from __future__ import annotations

from components.noss_evaluator.deciding import known_from, marked, shown_only
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.noss_reports import TaskResult
from tests.made_up_runs import make_result

SETTINGS = NossEvaluatorSettings()


def results(n_test: int = 400, validation: float = 0.7, **changed: int) -> list[TaskResult]:
    """Of the tasks language, speaker and keyword."""
    made = make_result("logmel", 0.6, kind="baseline")
    return [
        task.model_copy(update={"n_test": changed.get(task.task, n_test), "validation": validation})
        for task in made.tasks
    ]


def test_a_smoke_test_is_shown_only() -> None:
    assert shown_only(results(), SETTINGS) == {}
    reasons = shown_only(results(language=36), SETTINGS)
    assert reasons == {"language": "a smoke test: 36 tested clips, 100 are needed to decide"}
    assert shown_only(results(language=100), SETTINGS) == {}


def test_where_all_are_small_all_decide() -> None:
    assert shown_only(results(n_test=30), SETTINGS) == {}
    assert list(shown_only(results(n_test=30, keyword=500), SETTINGS)) == ["language", "speaker"]


def test_a_task_that_statistics_solve_is_shown_only() -> None:
    floor = results(validation=0.6)
    floor[0] = floor[0].model_copy(update={"validation": 0.985})
    name = floor[0].task
    reasons = shown_only(results(), SETTINGS, floor)
    assert list(reasons) == [name] and reasons[name].startswith("saturated: log-mel statistics score 0.985")
    # What counts is validation: test decides nothing.
    solved = [one.model_copy(update={"score": 1.0, "value": 1.0}) for one in results()]
    assert shown_only(solved, SETTINGS, solved) == {}
    higher = SETTINGS.model_copy(update={"saturated_at": 0.99})
    assert shown_only(results(), higher, floor) == {}


def test_named_tasks_are_shown_only() -> None:
    settings = NossEvaluatorSettings(report_tasks=("speaker", "another"))
    assert shown_only(results(), settings) == {"speaker": "it is one of evaluation.report_tasks"}


def test_marks_travel_with_the_teacher() -> None:
    reasons = {"speaker": "why"}
    teacher = make_result("teacher", 0.8, kind="teacher")
    told = teacher.model_copy(update={"tasks": marked(teacher.tasks, reasons)})
    assert known_from(told) == reasons
    assert [task.task for task in told.deciding] == [t.task for t in teacher.tasks if t.task != "speaker"]
