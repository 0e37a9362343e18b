"""The comparison as CSV, one figure a line.

Names come from users: a cell that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from components.noss_comparison.rows import PAPER_TITLE, direction, published, rows
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossModelResult, TaskResult
from schemas.noss_tasks import PublishedFigure
from schemas.plain_text import csv_cell

CSV_FIELDS = (
    "row", "model", "variant", "kind", "sha256", "embedding_dim", "licence",
    "task", "task_version", "task_digest", "data_digest", "condition", "metric", "better",
    "value", "low", "high", "score", "chance", "d_prime",
    "difference_to_teacher", "difference_low", "difference_high",
    "n_test", "n_classes", "n_speakers_test", "synthetic", "source", "note",
)  # fmt: skip


def as_csv(comparison: NossComparison) -> str:
    """The comparison as CSV: rows of task, mean, fidelity, robustness, paper and published."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, CSV_FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in _csv_lines(comparison):
        writer.writerow({key: _csv_cell(value) for key, value in line.items()})
    return stream.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return csv_cell(value)


def _csv_lines(comparison: NossComparison) -> Iterator[dict[str, object]]:
    for row in rows(comparison):
        model = _csv_model(row.model)
        for cell in row.cells:
            yield model | {"row": "task"} | _csv_task(cell.result) | _csv_difference(cell.difference)
        against = row.against_teacher
        yield (
            model
            | {"row": "mean", "metric": "mean of scores", "better": "higher", "value": row.model.mean}
            | {"low": row.model.mean_low, "high": row.model.mean_high, "d_prime": row.model.mean_d_prime}
            | _csv_difference((against.difference, against.low, against.high) if against else None)
        )
        yield from (model | line for line in _csv_extras(row.model))
    for publication in published(comparison):
        for task, figure in publication.figures.items():
            yield {"row": "published", "model": publication.model, "task": task, **_csv_published(figure)}


def _csv_model(model: NossModelResult) -> dict[str, object]:
    fields = ("model", "variant", "kind", "sha256", "embedding_dim", "licence")
    return {field: getattr(model, field) for field in fields}


def _csv_task(task: TaskResult) -> dict[str, object]:
    return {field: getattr(task, field) for field in CSV_FIELDS if field in TaskResult.model_fields} | {
        "better": direction(task.metric)
    }


def _csv_difference(difference: tuple[float, float, float] | None) -> dict[str, object]:
    names = ("difference_to_teacher", "difference_low", "difference_high")
    return dict(zip(names, difference, strict=True)) if difference else {}


def _csv_extras(model: NossModelResult) -> Iterator[dict[str, object]]:
    if model.fidelity:
        for name in ("cosine", "cka", "neighbour_overlap"):
            value = getattr(model.fidelity, name)
            yield {"row": "fidelity", "condition": name, "value": value, "n_test": model.fidelity.n}
    for result in model.robustness:
        yield {"row": "robustness", "condition": result.condition, "value": result.mean, "n_test": result.n}
    for paper in model.paper:
        line = {"row": "paper", "task": paper.task, "metric": paper.metric, "better": direction(paper.metric)}
        yield line | {"condition": "best on test", "value": paper.best_on_test, "note": PAPER_TITLE}
        yield line | {"condition": "chosen on validation", "value": paper.chosen_on_validation}


def _csv_published(figure: PublishedFigure) -> dict[str, object]:
    return {
        "metric": figure.metric,
        "better": direction(figure.metric),
        "value": figure.value,
        "source": figure.source,
        "note": figure.note,
    }
