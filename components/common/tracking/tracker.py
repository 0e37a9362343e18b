"""One pipeline run in MLflow: a parent run, a nested run a candidate; found again, never doubled.

Everything is found by tags that are set in the very call that creates it, so a run that was killed between
any two calls is continued. Metrics carry fixed timestamps, so logging them again changes nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from components.common.tracking.faults import RunMismatch, TrackingFault, telling
from components.common.tracking.names import (
    CANDIDATE_ROLE,
    CANDIDATE_TAG,
    PIPELINE_ROLE,
    PROVENANCE_PREFIX,
    ROLE_TAG,
    RUN_KEY_TAG,
    RUN_NAME_TAG,
    VERDICT_DIGEST_TAG,
)
from components.common.tracking.runs import RUN_ID, active, decided, find_or_make, given, undecided
from components.common.tracking.stores import Store, beside_sqlite, open_client
from schemas.run_context import Provenance
from schemas.run_records import MetricPoint, RecordedDataset, RunRecord
from schemas.secrets import redact

if TYPE_CHECKING:
    from mlflow.entities import Run


# MLflow takes no more parameters or tags in one call; metrics and data sets are fewer than it would take.
_PARAMETERS = 100
_METRICS = 500
_COMMIT = re.compile(r"[0-9a-f]{40}")

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")
_Method = Callable[Concatenate["Tracker", _Given], _Answer]

logger = logging.getLogger("tinytrill.tracking")


def given_run_id() -> str:
    """The MLflow run that somebody else, as Kubeflow's plugin, opened for this process; empty: none."""
    return os.environ.get(RUN_ID, "")


def _telling(method: _Method[_Given, _Answer]) -> _Method[_Given, _Answer]:
    """What MLflow raises in a method becomes a fault that names the store."""

    @functools.wraps(method)
    def told(self: Tracker, *args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        with telling(self.uri):
            return method(self, *args, **kwargs)

    return told


class Tracker:
    """Writes pipeline runs to an MLflow store; every method may be repeated.

    Attributes:
      uri: Of the store, without credentials.
      client: MLflow's client of it, for what is not a method here; see :func:`faults.telling`.
      experiment_id: Of the store's experiment.
    """

    def __init__(self, store: Store) -> None:
        """Connects to the store, and makes the experiment if it is new.

        Raises:
          ValueError: If the store has no address.
          TrackingFault: If the store does not answer or refuses, or the experiment was deleted.
        """
        self.uri = store.uri
        self.client = open_client(store.uri)
        with telling(store.uri):
            self.experiment_id = self._experiment(store)

    @_telling
    def begin(
        self,
        run_key: str,
        run_name: str,
        provenance: Provenance,
        given_run_id: str = "",
        fresh: bool = False,
    ) -> str:
        """Opens the run of a pipeline, or finds it again.

        Args:
          run_key: Names the pipeline run.
          run_name: For people.
          provenance: Told at the run.
          given_run_id: A run that somebody else opened; it, or the outermost run it is nested in, is the
            pipeline's.
          fresh: Take no run that has a verdict already.

        Returns:
          Id of the run. It is RUNNING, unless it has a verdict: then only the cache will be asked.

        Raises:
          RunMismatch: If the given run is not there, or belongs to another pipeline run.
        """
        tags = _tags(run_key, run_name, provenance)
        if given_run_id:
            run = given(self.client, self.uri, given_run_id, run_key)
        else:
            run = find_or_make(
                self.client,
                self.experiment_id,
                {RUN_KEY_TAG: run_key, ROLE_TAG: PIPELINE_ROLE},
                tags,
                run_name,
                lambda runs: undecided(runs) or (runs[-1] if runs and not fresh else None),
            )
        run_id: str = run.info.run_id
        self.set_tags(run_id, tags)
        if run.info.status != "RUNNING" and not run.data.tags.get(VERDICT_DIGEST_TAG):
            self.client.update_run(run_id, status="RUNNING")
        return run_id

    @_telling
    def pipeline_run(self, record: RunRecord) -> str:
        """The run that a record is sent to: its own, or one of the same key, that has no other verdict.

        Returns:
          Id of the run, which has the verdict's digest from now on.
        """
        tags = _tags(record.run_key, record.run_name, record.provenance)
        tags[VERDICT_DIGEST_TAG] = record.verdict_digest
        run = self._opened(record) or find_or_make(
            self.client,
            self.experiment_id,
            {RUN_KEY_TAG: record.run_key, ROLE_TAG: PIPELINE_ROLE},
            tags,
            record.run_name,
            lambda runs: decided(runs, record.verdict_digest) or undecided(runs),
            begun_ms=round(1000 * record.kept_at) or None,
        )
        run_id: str = run.info.run_id
        self.set_tags(run_id, tags)
        return run_id

    @_telling
    def candidate(self, parent_run_id: str, run_key: str, run_name: str, candidate_id: str) -> str:
        """Id of a candidate's nested run; a finished one stays finished."""
        from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

        identity = {
            RUN_KEY_TAG: run_key,
            ROLE_TAG: CANDIDATE_ROLE,
            CANDIDATE_TAG: candidate_id,
            MLFLOW_PARENT_RUN_ID: parent_run_id,
        }
        experiment_id = self.experiment_of(parent_run_id)
        run = find_or_make(
            self.client,
            experiment_id,
            identity,
            {RUN_NAME_TAG: run_name},
            candidate_id,
            lambda runs: runs[0] if runs else None,
        )
        run_id: str = run.info.run_id
        return run_id

    @_telling
    def log_parameters(self, run_id: str, parameters: Mapping[str, object]) -> None:
        """Logs those parameters that the run does not have yet (MLflow never changes one)."""
        from mlflow.entities import Param

        known = self.client.get_run(run_id).data.params
        new = [Param(name, str(value)) for name, value in parameters.items() if name not in known]
        for start in range(0, len(new), _PARAMETERS):
            self.client.log_batch(run_id, params=new[start : start + _PARAMETERS])

    @_telling
    def log_metrics(self, run_id: str, points: Sequence[MetricPoint]) -> None:
        """Logs metrics at fixed times; the same points again change nothing."""
        from mlflow.entities import Metric

        begun_ms = self.client.get_run(run_id).info.start_time
        metrics = [Metric(p.name, p.value, begun_ms + round(1000 * p.second), p.step) for p in points]
        for start in range(0, len(metrics), _METRICS):
            self.client.log_batch(run_id, metrics=metrics[start : start + _METRICS])

    @_telling
    def log_file(self, run_id: str, path: Path, folder: str = "") -> None:
        """Stores a file with a run, replacing an earlier copy; ``folder`` is among the run's artifacts."""
        self.client.log_artifact(run_id, str(path), folder or None)

    @_telling
    def log_datasets(self, run_id: str, datasets: Sequence[RecordedDataset]) -> None:
        """Names the data a run used, as MLflow's inputs; the same data again change nothing."""
        from mlflow.entities import Dataset, DatasetInput, InputTag
        from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

        inputs = [
            DatasetInput(
                Dataset(
                    name=data.name,
                    digest=data.digest,
                    source_type="local",
                    source=json.dumps({"uri": data.source}),
                    profile=json.dumps(data.profile),
                ),
                [InputTag(MLFLOW_DATASET_CONTEXT, data.context)],
            )
            for data in datasets
        ]
        if inputs:
            self.client.log_inputs(run_id, datasets=inputs)

    @_telling
    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a run."""
        from mlflow.entities import RunTag

        made = [RunTag(name, value) for name, value in tags.items()]
        for start in range(0, len(made), _PARAMETERS):
            self.client.log_batch(run_id, tags=made[start : start + _PARAMETERS])

    @_telling
    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Ends a run; one that ended so keeps its time."""
        if self.client.get_run(run_id).info.status != status:
            self.client.set_terminated(run_id, status)

    @_telling
    def give_up(self, run_id: str, status: str) -> None:
        """Ends a run and those nested in it; what has ended before stays as it is."""
        nested = self.client.search_runs(
            [self.experiment_of(run_id)], f"tags.`mlflow.parentRunId` = '{run_id}' and status = 'RUNNING'"
        )
        for run in [*nested, self.client.get_run(run_id)]:
            if run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, status)

    @_telling
    def experiment_of(self, run_id: str) -> str:
        """Id of the experiment a run lies in: a run that was given may lie in another than the store's."""
        experiment_id: str = self.client.get_run(run_id).info.experiment_id
        return experiment_id

    @_telling
    def begun_ms(self, run_id: str) -> int:
        """When a run began, in milliseconds since 1970; 0 if it does not exist."""
        run = active(self.client, run_id)
        return run.info.start_time if run else 0

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

    def _experiment(self, store: Store) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self.client.get_experiment_by_name(store.experiment)
        if experiment is None:
            location = store.artifact_location or beside_sqlite(self.uri)
            try:
                created: str = self.client.create_experiment(store.experiment, artifact_location=location)
                return created
            except MlflowException:
                # Another process may have made it meanwhile.
                experiment = self.client.get_experiment_by_name(store.experiment)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage != "active":
            raise TrackingFault(
                f"MLflow experiment {store.experiment!r} was deleted in {redact(self.uri)}; "
                "restore it or name another experiment"
            )
        found: str = experiment.experiment_id
        return found

    def _opened(self, record: RunRecord) -> Run | None:
        """The run that was opened or given for a record, if it has no other key and no other verdict."""
        run = active(self.client, record.parent_run_id) if record.parent_run_id else None
        if run is None and record.given_run_id:
            try:
                run = given(self.client, self.uri, record.given_run_id, record.run_key)
            except RunMismatch as mismatch:
                logger.warning("%s; %s gets a run of its own", mismatch, record.run_name)
        if run is None:
            return None
        key, digest = run.data.tags.get(RUN_KEY_TAG, ""), run.data.tags.get(VERDICT_DIGEST_TAG, "")
        return run if key in ("", record.run_key) and digest in ("", record.verdict_digest) else None


def _tags(run_key: str, run_name: str, provenance: Provenance | None) -> dict[str, str]:
    """Tags of a pipeline's run; what is unknown is left out."""
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

    tags = {RUN_KEY_TAG: run_key, ROLE_TAG: PIPELINE_ROLE, RUN_NAME_TAG: run_name}
    if provenance is None:
        return tags
    told = {f"{PROVENANCE_PREFIX}{name}": value for name, value in provenance.facts().items()}
    if _COMMIT.fullmatch(provenance.code_version):
        told[MLFLOW_GIT_COMMIT] = provenance.code_version
    return tags | {name: value for name, value in told.items() if value}
