"""The comparison as Markdown, one model a line.

Names and reasons come from users: every character that means something there is written as an entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from components.common.reporting.markdown import plain
from components.noss_comparison.rows import (
    METRIC_NAMES,
    PAPER_TITLE,
    Row,
    columns,
    conditions,
    paper_rows,
    published,
    rows,
)
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossModelResult, PaperResult


def as_markdown(comparison: NossComparison) -> str:
    """The comparison as Markdown tables."""
    return "\n\n".join(_parts(comparison)) + "\n"


def _parts(comparison: NossComparison) -> Iterator[str]:
    yield "# NOSS comparison"
    if comparison.synthetic:
        yield "**Synthetic sound: the figures say nothing of real recordings.**"
    paired = (
        "; a difference to the teacher has that of the paired difference, and is bold where it leaves 0 out"
    )
    paired = paired if comparison.against_teacher else ""
    yield (
        f"{len(comparison.models)} models on {len(comparison.tasks)} tasks. Protocol: "
        f"{plain(comparison.protocol)}. In brackets: 95 % intervals{paired}."
    )
    yield _models_table(comparison)
    names = [column.task for column in columns(comparison)]
    if paper := paper_rows(comparison):
        yield f"## {PAPER_TITLE}"
        yield "In brackets: the combination that is best on validation."
        body = [
            [plain(row.model.name), *(_paper_cell(row.results.get(task)) for task in names)] for row in paper
        ]
        yield _table(["model", *names], [*body, *_published_lines(comparison, names)])
    if figures := [
        [
            plain(row.model),
            task,
            f"{figure.value:.3f}",
            METRIC_NAMES[figure.metric],
            *_texts(figure.source, figure.note),
        ]
        for row in published(comparison)
        for task, figure in row.figures.items()
    ]:
        yield "## Published figures"
        yield _table(["model", "task", "value", "metric", "source", "note"], figures)
    yield "## Tasks"
    yield _tasks_table(comparison)
    if comparison.unavailable:
        yield "## Tasks whose sound is not here"
        yield _table(
            ["task", "why", "command", "page", "note"],
            [
                _texts(task.name, task.reason, task.obtain.command, task.obtain.page, task.obtain.note)
                for task in comparison.unavailable
            ],
        )
    if comparison.not_comparable:
        yield "## Left out of the comparison"
        yield _table(["model", "why"], [_texts(one.model, one.reason) for one in comparison.not_comparable])


def _models_table(comparison: NossComparison) -> str:
    shown = columns(comparison)
    tried = conditions(comparison.models)
    faithful = any(model.fidelity for model in comparison.models)
    head = ["model", "kind", *(f"{column.task}, {column.metric_name} {column.arrow}" for column in shown)]
    head += ["mean of scores ↑", "mean d' ↑"]
    head += ["to the teacher"] if comparison.against_teacher else []
    head += ["cosine", "CKA", "neighbours"] if faithful else []
    head += _texts(*tried)
    empty = [""] * (len(head) - 2 - len(shown))
    lines = [
        ["clips of test", "", *(str(column.n_test) for column in shown), *empty],
        ["chance", "", *(f"{column.chance:.3f}" for column in shown), *empty],
    ]
    for row in rows(comparison):
        model = row.model
        line = [plain(model.name), model.kind]
        line += [_value(cell.result.value, cell.result.low, cell.result.high) for cell in row.cells]
        line += [_value(model.mean, model.mean_low, model.mean_high), f"{model.mean_d_prime:.2f}"]
        line += [_against_teacher(row)] if comparison.against_teacher else []
        line += _fidelity(model) if faithful else []
        under = {result.condition: f"{result.mean:.3f}" for result in model.robustness}
        lines.append([*line, *(under.get(condition, "") for condition in tried)])
    names = [column.task for column in shown]
    lines += [[line[0], "published", *line[1:], *empty] for line in _published_lines(comparison, names)]
    return _table(head, lines)


def _fidelity(model: NossModelResult) -> list[str]:
    if model.fidelity is None:
        return [""] * 3
    figures = (model.fidelity.cosine, model.fidelity.cka, model.fidelity.neighbour_overlap)
    return [f"{figure:.3f}" for figure in figures]


def _published_lines(comparison: NossComparison, tasks: Sequence[str]) -> list[list[str]]:
    return [
        [plain(f"{row.model} ({row.source})")]
        + [f"{row.figures[task].value:.3f}" if task in row.figures else "" for task in tasks]
        for row in published(comparison)
    ]


def _tasks_table(comparison: NossComparison) -> str:
    lines = []
    for task in comparison.tasks:
        record, used, original = task.record, sum(task.n_used.values()), sum(task.n_original.values())
        sound = "synthesised" if task.synthetic else "recorded"
        facts = [record.name, str(record.version), task.digest, f"{used} of {original}", sound]
        lines.append([*facts, *_texts(record.title, record.licence, task.source)])
    return _table(["task", "version", "record", "clips used", "sound", "asks", "licence", "source"], lines)


def _against_teacher(row: Row) -> str:
    against = row.against_teacher
    if against is None:
        return ""
    words = f"{against.difference:+.3f} [{against.low:+.3f}, {against.high:+.3f}]"
    return f"**{words}**" if row.sure else words


def _paper_cell(result: PaperResult | None) -> str:
    return f"{result.best_on_test:.3f} ({result.chosen_on_validation:.3f})" if result else ""


def _value(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _texts(*words: str) -> list[str]:
    return [plain(each) for each in words]


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
