"""Reads all reports, judges, and writes the verdict, the picture and the page."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from components.common.tfx.executors import TaskExecutor
from components.common.tracking.faults import StoreUnreachable
from components.common.tracking.names import model_name
from components.common.tracking.registered import RegisteredVersion, registered_versions, unknown_champion
from components.frontier_gate import page, picture
from components.frontier_gate.audit import audited
from components.frontier_gate.component import FrontierGate
from components.frontier_gate.points import teacher_result
from components.frontier_gate.reports import Reports, read_reports
from components.frontier_gate.verdict import reach_verdict
from schemas.search_reports import SearchReport
from schemas.verdicts import Verdict

logger = logging.getLogger("tinytrill.frontier_gate")


class Executor(TaskExecutor[FrontierGate]):
    """See :class:`components.frontier_gate.component.FrontierGate`."""

    def run(self, task: FrontierGate) -> None:
        """Writes ``verdict.json``, ``frontier.png``, ``index.html``, and the benchmark's pages below them.

        Raises:
          UnreadableReport: If the teacher's report, the comparison or a search's decision cannot be read; any
            other costs what it tells of.
          ValueError: If the teacher has no result, reports do not belong together, or goals name what is not
            there.
          TrackingFault: If the registry refuses to be read, or does not answer and is required.
        """
        settings = task.settings
        reports = read_reports(task)
        teacher = teacher_result(reports.teacher)

        devices = [latency.machine.profile for latency in reports.latencies]
        rivals, notices = competitors(task, devices)
        verdict = reach_verdict(
            reports.converted,
            reports.noss,
            reports.latencies,
            teacher,
            reports.beside,
            reports.comparison,
            settings,
            task.run_name,
            rivals,
            notices,
            reports.refused,
            reports.unread_baselines,
            _search(task, reports),
        )

        folder = task.verdict.uri
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
                task.config_json,
            ),
            folder,
        )
        log = logger.warning if verdict.closed else logger.info
        log("verdict: %s", verdict.summary)


def _search(task: FrontierGate, reports: Reports) -> SearchReport | None:
    if task.decision is None:
        return None
    noss = [report for report, _ in reports.noss]
    return audited(SearchReport.load(task.decision.uri), reports.students, noss)


def competitors(
    task: FrontierGate, devices: Sequence[str]
) -> tuple[dict[str, list[RegisteredVersion]], list[str]]:
    """By device what is registered for it, and what a reader must know of that.

    A registry that does not answer may hold a champion: goals against it are not met then.

    Raises:
      TrackingFault: If the registry refuses to be read, or does not answer and is required.
    """
    if not task.registered_model:
        return {}, []
    names = {device: model_name(task.registered_model, device) for device in devices}
    try:
        return {device: registered_versions(task.tracking_uri, name) for device, name in names.items()}, []
    except StoreUnreachable as fault:
        if not task.without_registry:
            raise
        notice = f"Judged without what is registered as {', '.join(names.values())}: {fault}"
        logger.warning("%s", notice)
        silent = "the registry does not answer"
        return {device: [unknown_champion(name, silent)] for device, name in names.items()}, [notice]
