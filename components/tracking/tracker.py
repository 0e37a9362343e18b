"""One pipeline run in MLflow: a parent run, a nested run a candidate; found again, never doubled.

Everything is found by tags that are set in the very call that creates it, so a run that was killed between
any two calls is continued. Metrics carry fixed timestamps, so logging them again changes nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from components.frontier_pusher.settings import PusherSettings
from components.tracking.stores import is_server, quieten_mlflow, sqlite_file, without_credentials

RUN_KEY_TAG = "tinytrill.run_key"
ROLE_TAG = "tinytrill.role"
RUN_NAME_TAG = "tinytrill.run_name"
CANDIDATE_TAG = "tinytrill.candidate"
GATE_TAG = "tinytrill.gate"
PIPELINE_ROLE = "pipeline"
CANDIDATE_ROLE = "candidate"
BATCH = 500
ARTIFACTS_FOLDER = "mlartifacts"


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
      name: Of the metric.
      value: Finite.
      step: Epoch, or 0.
      second: When, in seconds after the run began; fixed for a given report.
    """

    name: str
    value: float
    step: int = 0
    second: float = 0.0


class Tracker:
    """Writes one pipeline run to an MLflow store."""

    def __init__(self, settings: PusherSettings, run_key: str, run_name: str) -> None:
        """Connects to the store, and makes the experiment if it is new.

        Raises:
          ValueError: If no tracking URI is given, or the experiment was deleted.
        """
        quieten_mlflow()
        from mlflow import MlflowClient

        self.uri = settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not self.uri:
            raise ValueError("no MLflow store: tracking_uri is empty and MLFLOW_TRACKING_URI is not set")
        self.client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self.run_key = run_key
        self.run_name = run_name
        self.experiment_id = self._experiment(settings)

    def parent(self) -> str:
        """Run id of the pipeline run."""
        return self._run({ROLE_TAG: PIPELINE_ROLE}, self.run_name)

    def candidate(self, parent_run_id: str, candidate_id: str) -> str:
        """Run id of a candidate's nested run."""
        from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

        tags = {ROLE_TAG: CANDIDATE_ROLE, CANDIDATE_TAG: candidate_id}
        return self._run(tags, candidate_id, {MLFLOW_PARENT_RUN_ID: parent_run_id})

    def log_parameters(self, run_id: str, parameters: Mapping[str, Any]) -> None:
        """Logs those parameters that the run does not have yet (MLflow never changes one)."""
        from mlflow.entities import Param

        known = self.client.get_run(run_id).data.params
        new = [Param(name, str(value)) for name, value in parameters.items() if name not in known]
        for start in range(0, len(new), 100):
            self.client.log_batch(run_id, params=new[start : start + 100])

    def log_metrics(self, run_id: str, points: list[Point]) -> None:
        """Logs metrics at fixed times; the same points again change nothing."""
        from mlflow.entities import Metric

        begun_ms = self.client.get_run(run_id).info.start_time
        metrics = [Metric(p.name, p.value, begun_ms + round(1000 * p.second), p.step) for p in points]
        for start in range(0, len(metrics), BATCH):
            self.client.log_batch(run_id, metrics=metrics[start : start + BATCH])

    def log_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Stores a file with a run, replacing an earlier copy."""
        self.client.log_artifact(run_id, str(path), folder)

    def tag_gate(self, run_id: str, closed: Sequence[str]) -> None:
        """Says at the run whether the gate is open, or why it is closed."""
        self.client.set_tag(run_id, GATE_TAG, f"closed: {'; '.join(closed)}" if closed else "open")

    def run_page(self, run_id: str) -> str:
        """Address of a run in MLflow's pages; empty where there are none."""
        return self._page(f"experiments/{self.experiment_id}/runs/{run_id}")

    def version_page(self, registered_model: str, version: str) -> str:
        """Address of a registered version in MLflow's pages; empty where there are none."""
        return self._page(f"models/{quote(registered_model, safe='')}/versions/{version}")

    def _page(self, place: str) -> str:
        return f"{without_credentials(self.uri).rstrip('/')}/#/{place}" if is_server(self.uri) else ""

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        """Makes this store MLflow's default for a while: its SQL registry looks logged models up there."""
        import mlflow

        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        mlflow.set_tracking_uri(self.uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Ends a run."""
        self.client.set_terminated(run_id, status)

    def _experiment(self, settings: PusherSettings) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self.client.get_experiment_by_name(settings.experiment)
        if experiment is None:
            location = settings.artifact_location or beside_sqlite(self.uri)
            try:
                created: str = self.client.create_experiment(settings.experiment, artifact_location=location)
                return created
            except MlflowException:
                # Another pusher may have made it meanwhile.
                experiment = self.client.get_experiment_by_name(settings.experiment)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage != "active":
            raise ValueError(
                f"MLflow experiment {settings.experiment!r} was deleted in {without_credentials(self.uri)}; "
                "restore it or name another experiment"
            )
        found: str = experiment.experiment_id
        return found

    def _run(self, tags: dict[str, str], name: str, more: dict[str, str] | None = None) -> str:
        tags = {RUN_KEY_TAG: self.run_key, **tags}
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        runs = self.client.search_runs(
            [self.experiment_id], filter_string=query, order_by=["attributes.start_time"]
        )
        if runs:
            run_id: str = runs[0].info.run_id
            self.client.update_run(run_id, status="RUNNING")
            return run_id
        run = self.client.create_run(
            self.experiment_id, tags={**tags, RUN_NAME_TAG: self.run_name, **(more or {})}, run_name=name
        )
        created: str = run.info.run_id
        return created


def beside_sqlite(uri: str) -> str | None:
    """Artifact folder beside a SQLite store, None for any other store."""
    file = sqlite_file(uri)
    return (file.resolve().parent / ARTIFACTS_FOLDER).as_uri() if file else None
