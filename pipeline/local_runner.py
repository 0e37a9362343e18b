"""Running a pipeline on this machine: TFX's LocalDagRunner, SQLite, one folder."""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from rich.console import Console

from pipeline.config import RunConfig
from pipeline.config_file import dump
from pipeline.layout import RunLayout
from pipeline.metadata import newest_run
from pipeline.progress import Progress, listening, terminal
from pipeline.sources import check_sources, data_digests, resolve
from schemas.reports import PushReport
from schemas.settings import Report
from schemas.verdicts import Verdict


class RunTimes(Report):
    """What a run executed and how long each node took."""

    FILE: ClassVar[str] = "run.json"

    executed: list[str] = Field(description="Nodes that ran, in order.")
    cached: list[str] = Field(description="Nodes answered from the cache.")
    seconds: dict[str, float] = Field(description="Wall time of each node in seconds.")


@dataclass(frozen=True)
class RunResult:
    """What a finished run left behind."""

    layout: RunLayout
    times: RunTimes
    verdict: Verdict
    pushed: PushReport


class RunFailed(RuntimeError):
    """A component failed; the message names it and says why."""


def run_locally(config: RunConfig, layout: RunLayout, verbose: bool = False) -> RunResult:
    """Runs the pipeline to the end, answering from the cache what did not change.

    Args:
      config: As loaded; places are resolved here.
      layout: The run's folder; made if it is not there.
      verbose: Let the libraries' own logs through.

    Raises:
      ConfigError: If sound or a teacher that the configuration names is not there.
      RunFailed: If a component failed, or another run holds the folder.
    """
    resolved = resolve(config, layout)
    check_sources(resolved)
    layout.root.mkdir(parents=True, exist_ok=True)
    with exclusive(layout), terminal(layout.log, verbose) as console:
        layout.config.write_text(dump(resolved), encoding="utf-8")
        times = _run_pipeline(resolved, layout, console, verbose)
        return _publish(layout, times)


def _run_pipeline(config: RunConfig, layout: RunLayout, console: Console, verbose: bool) -> RunTimes:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.dag import create_pipeline

    pipeline = create_pipeline(config, layout, data_digests(config))
    nodes = [node.id for node in pipeline.components]
    candidates = [candidate.candidate_id for candidate in config.students.expand()]
    progress = Progress(console, nodes, candidates)
    with listening(progress, verbose):
        try:
            LocalDagRunner().run(pipeline)
        except Exception as error:
            logging.getLogger().exception("%s failed", progress.current)
            raise RunFailed(f"{progress.current}: {_reason(error)}\n  more in {layout.log}") from error
    return RunTimes(executed=progress.executed, cached=progress.cached, seconds=progress.seconds)


def publish_report(layout: RunLayout) -> Verdict:
    """Copies the newest verdict's page and picture to the report folder.

    Raises:
      RunFailed: If the folder holds no finished verdict.
    """
    gate = newest_run(layout).get("FrontierGate")
    if gate is None or gate.state not in ("COMPLETE", "CACHED"):
        raise RunFailed(f"{layout.root} holds no finished run; start one with: pipeline_runner.py run")
    source = Path(gate.outputs["verdict"])
    fresh = layout.report.with_name(".report.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    times = layout.report / RunTimes.FILE
    if times.is_file():
        shutil.copy(times, fresh)
    shutil.rmtree(layout.report, ignore_errors=True)
    fresh.rename(layout.report)
    return Verdict.load(str(layout.report))


def _publish(layout: RunLayout, times: RunTimes) -> RunResult:
    verdict = publish_report(layout)
    times.write(layout.report, RunTimes.FILE)
    pushed = PushReport.load(newest_run(layout)["FrontierPusher"].outputs["pushed"])
    return RunResult(layout, times, verdict, pushed)


@contextmanager
def exclusive(layout: RunLayout) -> Iterator[None]:
    """Holds the folder; the system lets go of it even if the process is killed.

    Raises:
      RunFailed: If another run holds it.
    """
    with layout.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFailed(f"another run is writing into {layout.root}") from None
        yield


def _reason(error: BaseException) -> str:
    """The innermost message: what the component said, without TFX's and Beam's wrapping."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{error}" or type(error).__name__
