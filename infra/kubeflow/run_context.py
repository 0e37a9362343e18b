"""The run that a container's task belongs to, as the run's first task wrote it down.

It is kept in the run's folder and not among the tasks' parameters: Kubeflow's cache compares parameters, and
no student is to be trained again because another server keeps the records.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from components.common.tracking.faults import TrackingFault
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from pipeline.local.tracked_run import within
from schemas.run_context import RunContext

_RUNS, _FILE = "runs", "context.json"

log = logging.getLogger("tinytrill.kubeflow")


def keep(context: RunContext, run_folder: Path, run_id: str) -> None:
    """Writes the run down for its other tasks.

    Args:
      context: The run.
      run_folder: Folder that the pods share.
      run_id: Kubeflow's id of the run.
    """
    context.write(run_folder / _RUNS / run_id, _FILE)


def shared_folder(run_folder: Path, run_id: str) -> Path | None:
    """What the tasks of one run share; none, if the run's first task and this one share nothing."""
    folder = run_folder / _RUNS / run_id
    return folder if (folder / _FILE).is_file() else None


def finish(run_folder: Path, run_id: str, status: str) -> None:
    """Ends the run in MLflow, as far as MLflow answers: a pusher that was answered from the cache did not."""
    if folder := shared_folder(run_folder, run_id):
        _mark(RunContext.read(folder, _FILE), status)


@contextmanager
def inside(run_folder: Path, run_id: str) -> Iterator[None]:
    """Lets a task's code know its run; where nobody wrote one down, as with no shared folder, it has none."""
    folder = shared_folder(run_folder, run_id)
    if folder is None:
        log.info("no run is written down in %s: curves come with the run's record", run_folder)
        yield
        return
    with within(RunContext.read(folder, _FILE), _mark):
        yield


def _mark(context: RunContext, status: str) -> None:
    """Marks the pipeline's run alone: other tasks of it may go on, and a retry may bring it to its end."""
    if context.parent_run_id:
        with suppress(TrackingFault):
            Tracker(Store.of(context)).finish(context.parent_run_id, status)
