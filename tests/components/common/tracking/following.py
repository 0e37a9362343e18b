"""A made-up training that speaks on the log as the trainer does, and what MLflow has of it."""

from __future__ import annotations

import logging
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from components.common.tracking.names import CANDIDATE_TAG
from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from schemas.run_context import Provenance, RunContext
from schemas.training_events import TrainingEvent
from schemas.training_reports import EpochMetrics

CODE = Provenance(code_version="c" * 40)


def context_of(uri: str, system_metrics_seconds: float = 0.0, opened: bool = True) -> RunContext:
    """A pipeline run in a store, opened as its runner does."""
    parent = Tracker(Store(uri)).begin("key", "test-run", CODE) if opened else ""
    return RunContext(
        run_key="key",
        run_name="test-run",
        tracking_uri=uri,
        experiment="tinytrill",
        parent_run_id=parent,
        system_metrics_seconds=system_metrics_seconds,
        provenance=CODE,
    )


def sqlite_store(folder: Path, empty_store: Path) -> str:
    """Address of a store of its own."""
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    return f"sqlite:///{folder / 'mlflow.db'}"


def epoch_of(number: int, loss: float | None = None) -> EpochMetrics:
    """An epoch of 1.5 seconds."""
    return EpochMetrics(
        epoch=number,
        phase="float",
        loss=1 / number if loss is None else loss,
        validation_loss=2 / number,
        learning_rate=1e-4,
        seconds=1.5,
    )


def say_began(candidate_id: str = "one", **parameters: str) -> None:
    """A training begins."""
    _say(TrainingEvent(kind="began", candidate_id=candidate_id, epochs=4, parameters=parameters))


def say_epoch(number: int, candidate_id: str = "one", loss: float | None = None) -> None:
    """An epoch has ended."""
    epoch = epoch_of(number, loss)
    _say(TrainingEvent(kind="epoch", candidate_id=candidate_id, epoch=epoch, second=1.5 * number))


def say_ended(candidate_id: str = "one") -> None:
    """A training has ended."""
    _say(TrainingEvent(kind="ended", candidate_id=candidate_id))


def _say(event: TrainingEvent) -> None:
    extra = {TrainingEvent.ATTRIBUTE: event}
    logging.getLogger("tinytrill.student_trainer").info("%s", event.kind, extra=extra)


def nested(context: RunContext, candidate_id: str = "one") -> list[Run]:
    """The runs of a candidate."""
    store = MlflowClient(context.tracking_uri)
    found = store.search_runs(
        [store.get_experiment_by_name(context.experiment).experiment_id],
        f"tags.`{CANDIDATE_TAG}` = '{candidate_id}'",
    )
    return list(found)


def curve(context: RunContext, candidate_id: str = "one", name: str = "training/loss") -> list[list[float]]:
    """``[step, value, seconds after the run began]`` of a metric of a candidate's only run."""
    (run,) = nested(context, candidate_id)
    history = MlflowClient(context.tracking_uri).get_metric_history(run.info.run_id, name)
    return sorted([m.step, m.value, (m.timestamp - run.info.start_time) / 1000] for m in history)
