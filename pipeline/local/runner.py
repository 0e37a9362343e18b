"""Running a pipeline on this machine: TFX's launcher, SQLite, one folder."""

from __future__ import annotations

import logging
import shutil
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from rich.console import Console

from components.common.frontier.closed import GateClosed
from components.common.store.publishing import publish, sweep
from components.common.tracking.faults import TrackingFault
from components.common.tracking.tracker import Tracker
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import dump
from pipeline.configuration.resolved import ResolvedRun
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import FINISHED, check_metadata, newest_run
from pipeline.local.node_memory import NodeMemory
from pipeline.local.relocation import cached_anywhere, settle
from pipeline.local.run_folder import exclusive, make_run_folder, temporary_files
from pipeline.local.tracked_run import store_of_run, tracked
from pipeline.models.lineage.export import export_lineage, link_report
from pipeline.models.lineage.metadata_graph import annotate
from pipeline.preflight import examine
from pipeline.terminal.full_disk import full_disk
from pipeline.terminal.progress import ProgressHandler, listening, terminal
from pipeline.terminal.reason import reason
from schemas.corpus_statistics import CorpusStatistics
from schemas.lineage import LineageGraph
from schemas.push_reports import PushReport
from schemas.secrets import redact
from schemas.settings import Report
from schemas.verdicts import Verdict

log = logging.getLogger("tinytrill.pipeline")


class RunTimes(Report):
    """What a run executed and how long each node took."""

    FILE: ClassVar[str] = "run.json"

    executed: list[str] = Field(description="Nodes that ran, in order.")
    cached: list[str] = Field(description="Nodes answered from the cache.")
    seconds: dict[str, float] = Field(description="Wall time of each node in seconds.")


@dataclass(frozen=True)
class RunResult:
    """What a run left behind that came to a verdict.

    Attributes:
      layout: Its folder.
      times: What ran, and for how long.
      verdict: The gate's decision, as published.
      pushed: What was pushed.
      closed: Why the run failed at its end, if a device's gate is closed; empty if none is.
    """

    layout: RunLayout
    times: RunTimes
    verdict: Verdict
    pushed: PushReport
    closed: str = ""


class RunFailed(RuntimeError):
    """A component failed; the message names it and says why."""


def run_locally(config: RunConfig, layout: RunLayout, verbose: bool = False) -> RunResult:
    """Runs the pipeline to the end, answering from the cache what did not change.

    A closed gate is an outcome, not an error: the report is published and says why.

    Args:
      config: As loaded; places are resolved here.
      layout: The run's folder; made if it does not exist.
      verbose: Let the libraries' own logs through.

    Raises:
      ConfigError: If sound, a teacher, a device's files or the registry that the configuration names is not
        there, the folder cannot be written or its ML Metadata is damaged, or another run holds the folder.
      RunFailed: If a component failed.
    """
    run = ResolvedRun.of(config, layout)
    run.check()
    make_run_folder(layout)
    with exclusive(layout), temporary_files(layout), terminal(layout.log, verbose) as console:
        check_metadata(layout.metadata)
        settle(layout, held=True)
        layout.config.write_text(dump(run.config), encoding="utf-8")
        examine(run, lambda line: console.print(line, style="dim", markup=False, soft_wrap=True))
        with tracked(run.config, run.run_key, run.provenance) as context:
            try:
                times, closed = _run_pipeline(run, console, verbose)
            finally:
                annotate(layout, run.provenance)
            result = _publish(layout, times, closed)
        _tell_lineage(run.config, layout, result.pushed.parent_run_id or context.parent_run_id)
        return result


def _tell_lineage(config: RunConfig, layout: RunLayout, parent_run_id: str) -> None:
    """Draws the run's lineage, and stores it with the run where the store answers."""
    try:
        export_lineage(layout, Tracker(store_of_run(config)) if parent_run_id else None, parent_run_id)
    except TrackingFault as error:
        log.warning("%s; the lineage is in %s, and the same command sends it again", error, layout.report)


def _run_pipeline(run: ResolvedRun, console: Console, verbose: bool) -> tuple[RunTimes, GateClosed | None]:
    from pipeline.dag import create_pipeline
    from pipeline.local.dag_runner import DagRunner, plan_of

    layout, pipeline = run.layout, create_pipeline(run)
    nodes = [node.id for node in pipeline.components]
    candidates = [candidate.candidate_id for candidate in run.config.students.expand()]
    plan = plan_of(run.config.execution, candidates, nodes)
    progress = ProgressHandler(console, nodes, candidates)
    closed = None
    with listening(progress, verbose), cached_anywhere(layout):
        try:
            DagRunner(plan, NodeMemory(layout.scratch / "node_memory.json")).run(pipeline)
        except GateClosed as error:
            closed = error
        except Exception as error:
            logging.getLogger().error("%s failed\n%s", progress.current, redact(traceback.format_exc()))
            why = full_disk(error, layout.root) or reason(error)
            raise RunFailed(f"{progress.current}: {why}\n  more in {layout.log}") from error
    return RunTimes(executed=progress.executed, cached=progress.cached, seconds=progress.seconds), closed


def publish_report(layout: RunLayout) -> Verdict:
    """Copies the newest verdict's page and picture to the report folder.

    Beside them it puts the page of the corpus and the pusher's links.

    Raises:
      RunFailed: If the folder holds no finished verdict.
    """
    nodes = newest_run(layout)
    gate, pusher, ingest = (nodes.get(name) for name in ("FrontierGate", "FrontierPusher", "AudioIngest"))
    if gate is None or gate.state not in FINISHED:
        raise RunFailed(f"{layout.root} holds no finished run; start one with: pipeline_runner.py run")
    source = Path(gate.outputs["verdict"])
    kept = [layout.report / name for name in (RunTimes.FILE, LineageGraph.FILE, LineageGraph.PAGE)]
    if pusher is not None and pusher.state in FINISHED:
        kept.append(Path(pusher.outputs["pushed"]) / Verdict.LINKS)
    elif _same(source / Verdict.FILE, layout.report / Verdict.FILE):
        # A pusher that failed, as at a closed gate, has no output any more.
        kept.append(layout.report / Verdict.LINKS)
    if ingest is not None and ingest.state in FINISHED:
        kept.append(Path(ingest.outputs["report"]) / CorpusStatistics.PAGE)
    sweep(layout.report.parent, layout.report.name)
    with publish(layout.report, replace=True) as fresh:
        shutil.copytree(source, fresh)
        for file in kept:
            if file.is_file():
                shutil.copy(file, fresh)
        link_report(fresh)
    return Verdict.load(str(layout.report))


def last_push(layout: RunLayout) -> PushReport | None:
    """What the newest run's pusher did; none if it failed, as at a closed gate."""
    pusher = newest_run(layout).get("FrontierPusher")
    if pusher is None or pusher.state not in FINISHED:
        return None
    return PushReport.load(pusher.outputs["pushed"])


def _publish(layout: RunLayout, times: RunTimes, closed: GateClosed | None) -> RunResult:
    verdict = publish_report(layout)
    times.write(layout.report, RunTimes.FILE)
    if closed is None:
        pushed = last_push(layout)
        if pushed is None:
            raise RunFailed(f"{layout.root}: the pusher left no {PushReport.FILE}")
        return RunResult(layout, times, verdict, pushed)
    # TFX removed the failed pusher's output; this is the copy it made.
    shutil.copy(closed.folder / Verdict.LINKS, layout.report)
    return RunResult(layout, times, verdict, PushReport.load(closed.folder), str(closed))


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
