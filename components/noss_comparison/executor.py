"""Reads all reports, compares, and writes the comparison, its tables and its picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components.common.tfx import fan_in
from components.noss_comparison.compare import compare
from components.noss_comparison.settings import NossComparisonSettings
from components.noss_comparison.write import write_comparison
from schemas.comparison_reports import LeftOut
from schemas.noss_reports import NossReport
from schemas.noss_task_sets import NossTaskSet
from schemas.settings import UnreadableReport

NOSS_ROLE = "noss"
REFERENCE_ROLE = "reference"
TEACHER_KEY = "teacher"
EXAMPLES_KEY = "examples"
COMPARISON_KEY = "comparison"
SETTINGS_PARAMETER = "settings"
CODE_DIGEST_PARAMETER = "code_digest"

_WORDS = {NOSS_ROLE: "candidate", REFERENCE_ROLE: "reference"}

_LOG = logging.getLogger("tinytrill.noss_comparison")


class Executor(base_executor.BaseExecutor):
    """See :class:`components.noss_comparison.component.NossComparison`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``comparison.json``, ``table.md``, ``table.csv``, ``table.html`` and ``heat_map.png``.

        Raises:
          UnreadableReport: If the teacher's report or the tasks cannot be read; without another the model is
            left out.
          ValueError: If no model can be compared.
        """
        settings = NossComparisonSettings.from_parameter(exec_properties[SETTINGS_PARAMETER])
        teacher = Path(input_dict[TEACHER_KEY][0].uri)
        task_set = NossTaskSet.load(input_dict[EXAMPLES_KEY][0].uri)
        references, beside = _read(input_dict, REFERENCE_ROLE)
        students, failed = _read(input_dict, NOSS_ROLE)
        reports = [*references, (NossReport.load(teacher), teacher), *students]

        comparison = compare(reports, task_set, settings)
        left_out = [*comparison.not_comparable, *beside, *failed]
        comparison = comparison.model_copy(update={"not_comparable": left_out})
        write_comparison(comparison, output_dict[COMPARISON_KEY][0].uri)
        _LOG.info(
            "%d models compared on %d tasks, %d left out",
            len(comparison.models), len(comparison.tasks), len(comparison.not_comparable),
        )  # fmt: skip


def _read(
    input_dict: Mapping[str, list[types.Artifact]], role: str
) -> tuple[list[tuple[NossReport, Path]], list[LeftOut]]:
    """The reports of a role with their folders, and those that cannot be read."""
    reports, left_out = [], []
    for number, artifact in enumerate(fan_in.gather(input_dict, role), start=1):
        try:
            reports.append((NossReport.load(artifact.uri), Path(artifact.uri)))
        except UnreadableReport as error:
            _LOG.warning("a model is left out: %s", error)
            left_out.append(LeftOut(model=f"{_WORDS[role]} {number}", reason=f"cannot be read: {error}"))
    return reports, left_out
