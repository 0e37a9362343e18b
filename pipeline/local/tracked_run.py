"""A pipeline run as MLflow sees it: opened when it begins, followed while it trains, closed when it fails."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from components.common.tracking.faults import RunMismatch, StoreDamaged, StoreRefused, TrackingFault
from components.common.tracking.live import following
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker, given_run_id
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from schemas.run_context import Provenance, RunContext

logger = logging.getLogger("tinytrill.tracking")


@contextmanager
def tracked(config: RunConfig, run_key: str, provenance: Provenance) -> Iterator[RunContext]:
    """Opens the run, tells its components of it by the environment, and sends the trainings' curves.

    The pusher closes a run that comes to a verdict. One that fails or is interrupted is closed here, as far
    as MLflow answers; the same command opens it again.

    Args:
      config: Resolved.
      run_key: Names the run.
      provenance: Its code and configuration.

    Raises:
      ConfigError: If the store refuses the credentials, its database is damaged, or the run that
        MLFLOW_RUN_ID names is another's;
        if nobody answers and the configuration says to stop then.
    """
    with within(open_run(config, run_key, provenance), _close) as context:
        yield context


def open_run(config: RunConfig, run_key: str, provenance: Provenance) -> RunContext:
    """Opens the run in MLflow, as far as MLflow answers; arguments and errors as for :func:`tracked`."""
    return RunContext(
        run_key=run_key,
        run_name=config.name,
        tracking_uri=config.push.tracking_uri,
        experiment=config.push.experiment,
        artifact_location=config.push.artifact_location,
        parent_run_id=_open(config, run_key, provenance),
        system_metrics_seconds=config.push.system_metrics_seconds,
        provenance=provenance,
    )


@contextmanager
def within(context: RunContext, close: Callable[[RunContext, str], None]) -> Iterator[RunContext]:
    """Tells components of the run by the environment, and sends the trainings' curves.

    Args:
      context: The run.
      close: What to do when the block fails: given the run and the status that it ended with.
    """
    before = os.environ.get(RunContext.VARIABLE)
    os.environ[RunContext.VARIABLE] = context.model_dump_json()
    try:
        with following(context):
            yield context
    except BaseException as error:
        close(context, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    finally:
        if before is None:
            del os.environ[RunContext.VARIABLE]
        else:
            os.environ[RunContext.VARIABLE] = before


def store_of_run(config: RunConfig) -> Store:
    """Where a resolved configuration sends its run."""
    return Store(config.push.tracking_uri, config.push.experiment, config.push.artifact_location)


def _open(config: RunConfig, run_key: str, provenance: Provenance) -> str:
    try:
        tracker = Tracker(store_of_run(config))
        return tracker.begin(
            run_key, config.name, provenance, given_run_id(), fresh=not config.execution.cache
        )
    except (StoreRefused, StoreDamaged, RunMismatch) as error:
        raise ConfigError(f"push.tracking_uri: {error}") from None
    except TrackingFault as error:
        if config.push.if_unreachable == "stop":
            raise ConfigError(f"push.tracking_uri: {error}\n  push.if_unreachable is 'stop'") from None
        logger.warning("%s; the run continues, and keeps what it has to tell", error)
        return ""


def _close(context: RunContext, status: str) -> None:
    """Ends the run and those nested in it that have not ended."""
    if not context.parent_run_id:
        return
    with suppress(TrackingFault):
        tracker = Tracker(Store.of(context))
        tracker.give_up(context.parent_run_id, status)
