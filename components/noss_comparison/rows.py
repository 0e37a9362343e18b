"""A comparison as rows and columns: what all forms of the table show, before it is written as any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.noss_reports import NossModelResult, PaperResult, TaskResult
from schemas.noss_tasks import SMALLER_IS_BETTER, Metric, PublishedFigure

METRIC_NAMES: dict[Metric, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC",
    "equal_error_rate": "equal error rate",
}
PAPER_TITLE = "Best on test, as the papers did: for comparison with published figures only"


def direction(metric: Metric) -> str:
    """``higher`` or ``lower``: which values of a metric are better."""
    return "lower" if metric in SMALLER_IS_BETTER else "higher"


@dataclass(frozen=True)
class Column:
    """A task, as the head of its column says it."""

    task: str
    metric: Metric
    n_test: int
    chance: float
    synthetic: bool

    @property
    def metric_name(self) -> str:
        """The metric in words."""
        return METRIC_NAMES[self.metric]

    @property
    def better(self) -> str:
        """``higher`` or ``lower``."""
        return direction(self.metric)

    @property
    def arrow(self) -> str:
        """Up where higher values are better."""
        return "↓" if self.metric in SMALLER_IS_BETTER else "↑"


@dataclass(frozen=True)
class Cell:
    """A model on a task; ``difference`` is to the teacher: of the scores, with the ends of its interval."""

    result: TaskResult
    difference: tuple[float, float, float] | None

    @property
    def sure(self) -> bool:
        """Whether the paired interval leaves 0 out."""
        return self.difference is not None and excludes_zero(*self.difference[1:])


@dataclass(frozen=True)
class Row:
    """A model on all tasks."""

    model: NossModelResult
    cells: list[Cell]
    against_teacher: PairedDifference | None
    is_best_variant: bool

    @property
    def sure(self) -> bool:
        """Whether the paired interval of the mean leaves 0 out."""
        difference = self.against_teacher
        return difference is not None and excludes_zero(difference.low, difference.high)


@dataclass(frozen=True)
class PublishedRow:
    """What one publication says of one model, by task."""

    model: str
    source: str
    figures: dict[str, PublishedFigure]


@dataclass(frozen=True)
class PaperRow:
    """A model by the papers' protocol, by task."""

    model: NossModelResult
    results: dict[str, PaperResult]


def excludes_zero(low: float, high: float) -> bool:
    """Whether an interval of a difference says that there is one."""
    return low > 0 or high < 0


def columns(comparison: NossComparison) -> list[Column]:
    """The tasks. All models answered the same clips, so any of them says how many there are."""
    found = {task.task: task for task in comparison.models[0].tasks}
    ingested = {task.record.name: task for task in comparison.tasks}
    return [
        Column(name, task.metric, task.n_test, task.chance, task.synthetic or ingested[name].synthetic)
        for name, task in found.items()
        if name in ingested
    ]


def rows(comparison: NossComparison) -> list[Row]:
    """All models, in the order of the comparison."""
    against = {difference.model: difference for difference in comparison.against_teacher}
    best = {model.name for model in best_variants(comparison.models)}
    names = [column.task for column in columns(comparison)]
    made = []
    for model in comparison.models:
        difference = against.get(model.name)
        by_task = {task.task: task for task in model.tasks}
        cells = [Cell(by_task[name], difference.tasks[name] if difference else None) for name in names]
        made.append(Row(model, cells, difference, model.name in best))
    return made


def best_variants(models: Iterable[NossModelResult]) -> list[NossModelResult]:
    """Every model that is not a student, and each candidate by its best variant."""
    best: dict[str, NossModelResult] = {}
    for model in models:
        key = f"candidate {model.model}" if model.kind == "student" else f"model {model.name}"
        if key not in best or model.mean > best[key].mean:
            best[key] = model
    return list(best.values())


def published(comparison: NossComparison) -> list[PublishedRow]:
    """Published figures of the tasks' own records; none of a task whose sound is synthesised.

    Where not all clips of the source were used, a figure's note says so.
    """
    found: dict[tuple[str, str], dict[str, PublishedFigure]] = {}
    for task in comparison.tasks:
        used, original = sum(task.n_used.values()), sum(task.n_original.values())
        here = f"here {used} of {original} clips were used" if used < original else ""
        for figure in () if task.synthetic else task.record.published:
            note = "; ".join(filter(None, (figure.note, here)))
            noted = figure.model_copy(update={"note": note})
            found.setdefault((figure.model, figure.source), {})[task.record.name] = noted
    return [PublishedRow(model, source, figures) for (model, source), figures in found.items()]


def paper_rows(comparison: NossComparison) -> list[PaperRow]:
    """The models that were also measured by the papers' protocol."""
    return [
        PaperRow(model, {result.task: result for result in model.paper})
        for model in comparison.models
        if model.paper
    ]


def conditions(models: Sequence[NossModelResult]) -> list[str]:
    """The corruptions that any model was tried with, in their order."""
    return list({result.condition: None for model in models for result in model.robustness})
