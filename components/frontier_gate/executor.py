"""Reads all reports, judges, and writes the verdict, the picture and the page."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components.common.frontier.settings import GateSettings
from components.common.tracking.faults import StoreUnreachable
from components.common.tracking.names import model_name
from components.common.tracking.registered import RegisteredVersion, registered_versions, unknown_champion
from components.frontier_gate import page, picture
from components.frontier_gate.effects import total_steps
from components.frontier_gate.points import teacher_result
from components.frontier_gate.reports import read_reports
from components.frontier_gate.verdict import reach_verdict
from schemas.verdicts import Verdict

VERDICT_KEY = "verdict"
SETTINGS_PARAMETER = "settings"
RUN_NAME_PARAMETER = "run_name"
CONFIG_PARAMETER = "config_json"
CODE_DIGEST_PARAMETER = "code_digest"
REGISTRY_DIGEST_PARAMETER = "registry_digest"

logger = logging.getLogger("tinytrill.frontier_gate")


class Executor(base_executor.BaseExecutor):
    """See :class:`components.frontier_gate.component.FrontierGate`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``verdict.json``, ``frontier.png``, ``index.html``, and the benchmark's pages below them.

        Raises:
          UnreadableReport: If the teacher's report or the comparison cannot be read; any other costs what it
            tells of.
          ValueError: If the teacher has no result, reports do not belong together, or goals name what is not
            there.
          TrackingFault: If the registry refuses to be read, or does not answer and may not be done without.
        """
        settings = GateSettings.from_parameter(exec_properties[SETTINGS_PARAMETER])
        reports = read_reports(input_dict, settings)
        teacher = teacher_result(reports.teacher)

        devices = [latency.machine.profile for latency in reports.latencies]
        rivals, notices = competitors(settings, devices)
        verdict = reach_verdict(
            reports.converted,
            reports.noss,
            reports.latencies,
            teacher,
            reports.beside,
            reports.comparison,
            settings,
            exec_properties[RUN_NAME_PARAMETER],
            rivals,
            [*reports.notices, *notices],
            total_steps(reports.students),
            reports.refused,
        )

        folder = output_dict[VERDICT_KEY][0].uri
        verdict.save(folder)
        shutil.copytree(reports.comparison_folder, Path(folder) / Verdict.BENCHMARK)
        picture.draw(verdict, folder, settings.budgets)
        page.write(
            page.Material(
                verdict,
                reports.converted,
                [report for report, _ in reports.noss],
                reports.latencies,
                teacher,
                reports.beside,
                reports.students,
                reports.comparison,
                settings,
                exec_properties.get(CONFIG_PARAMETER) or "",
            ),
            folder,
        )
        log = logger.warning if verdict.closed else logger.info
        log("verdict: %s", verdict.summary)


def competitors(
    settings: GateSettings, devices: Sequence[str]
) -> tuple[dict[str, list[RegisteredVersion]], list[str]]:
    """By device what is registered for it, and what a reader must know of that.

    A registry that does not answer may hold a champion: goals against it are not met then.

    Raises:
      TrackingFault: If the registry refuses to be read, or does not answer and may not be done without.
    """
    if not settings.registered_model:
        return {}, []
    names = {device: model_name(settings.registered_model, device) for device in devices}
    try:
        return {
            device: registered_versions(settings.tracking_uri, name) for device, name in names.items()
        }, []
    except StoreUnreachable as fault:
        if not settings.without_registry:
            raise
        notice = f"Judged without what is registered as {', '.join(names.values())}: {fault}"
        logger.warning("%s", notice)
        silent = "the registry does not answer"
        return {device: [unknown_champion(name, silent)] for device, name in names.items()}, [notice]
