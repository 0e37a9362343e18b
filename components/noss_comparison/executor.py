"""Reads all reports, compares, and writes the comparison, its tables and its picture."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from components.common.tfx.executors import TaskExecutor
from components.noss_comparison.compare import compare
from components.noss_comparison.component import NossComparison
from components.noss_comparison.write import write_comparison
from schemas import artifacts as artifact_types
from schemas.comparison_reports import LeftOut
from schemas.noss_reports import NossReport
from schemas.noss_task_sets import NossTaskSet
from schemas.settings import UnreadableReport

_LOG = logging.getLogger("tinytrill.noss_comparison")


class Executor(TaskExecutor[NossComparison]):
    """See :class:`components.noss_comparison.component.NossComparison`."""

    def run(self, task: NossComparison) -> None:
        """Writes ``comparison.json``, ``table.md``, ``table.csv``, ``table.html`` and ``heat_map.png``.

        Raises:
          UnreadableReport: If the teacher's report or the tasks cannot be read; without another the model is
            left out.
          ValueError: If no model can be compared.
        """
        teachers = [Path(task.teacher.uri)] if task.teacher else []
        task_set = NossTaskSet.load(task.examples.uri)
        references, beside = _read(task.references, "reference")
        students, failed = _read(task.noss, "candidate")
        reports = [*references, *((NossReport.load(uri), uri) for uri in teachers), *students]

        comparison = compare(reports, task_set, task.settings)
        left_out = [*comparison.not_comparable, *beside, *failed]
        comparison = comparison.model_copy(update={"not_comparable": left_out})
        write_comparison(comparison, task.comparison.uri)
        _LOG.info(
            "%d models compared on %d tasks, %d left out",
            len(comparison.models), len(comparison.tasks), len(comparison.not_comparable),
        )  # fmt: skip


def _read(
    artifacts: Sequence[artifact_types.NossReport], words: str
) -> tuple[list[tuple[NossReport, Path]], list[LeftOut]]:
    """The reports with their folders, and those that cannot be read, by what they are in words."""
    reports, left_out = [], []
    for number, artifact in enumerate(artifacts, start=1):
        try:
            reports.append((NossReport.load(artifact.uri), Path(artifact.uri)))
        except UnreadableReport as error:
            _LOG.warning("a model is left out: %s", error)
            left_out.append(LeftOut(model=f"{words} {number}", reason=f"cannot be read: {error}"))
    return reports, left_out
