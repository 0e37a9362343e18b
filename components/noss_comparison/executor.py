"""Reads all reports, compares, and writes the comparison, its tables and its picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components.common.tfx import fan_in
from components.noss_comparison.compare import compare
from components.noss_comparison.settings import NossComparisonSettings
from components.noss_comparison.write import write_comparison
from schemas.noss_reports import NossReport
from schemas.noss_task_sets import NossTaskSet

NOSS_ROLE = "noss"
REFERENCE_ROLE = "reference"
TEACHER_KEY = "teacher"
EXAMPLES_KEY = "examples"
COMPARISON_KEY = "comparison"
SETTINGS_PARAMETER = "settings"
CODE_DIGEST_PARAMETER = "code_digest"

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
          ValueError: If no model can be compared.
        """
        settings = NossComparisonSettings.from_parameter(exec_properties[SETTINGS_PARAMETER])
        artifacts = [
            *fan_in.gather(input_dict, REFERENCE_ROLE),
            input_dict[TEACHER_KEY][0],
            *fan_in.gather(input_dict, NOSS_ROLE),
        ]
        reports = [(NossReport.load(artifact.uri), Path(artifact.uri)) for artifact in artifacts]
        task_set = NossTaskSet.load(input_dict[EXAMPLES_KEY][0].uri)

        comparison = compare(reports, task_set, settings)
        write_comparison(comparison, output_dict[COMPARISON_KEY][0].uri)
        _LOG.info(
            "%d models compared on %d tasks, %d left out",
            len(comparison.models), len(comparison.tasks), len(comparison.not_comparable),
        )  # fmt: skip
