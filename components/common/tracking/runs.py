"""Which MLflow run is which pipeline run's: found by id or by tags, or made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from components.common.tracking.faults import RunMismatch, unless_absent
from components.common.tracking.names import RUN_KEY_TAG, VERDICT_DIGEST_TAG
from schemas.secrets import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RUN_ID = "MLFLOW_RUN_ID"


def given(client: MlflowClient, uri: str, run_id: str, run_key: str) -> Run:
    """The outermost run that a given run is nested in, if it may be the pipeline's."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    run = active(client, run_id)
    while run is not None and (parent := run.data.tags.get(MLFLOW_PARENT_RUN_ID)):
        run = active(client, parent)
    if run is None:
        raise RunMismatch(
            f"{RUN_ID} names the run {run_id}, which {redact(uri)} does not have; "
            f"accepted: a run there that was not deleted, or no {RUN_ID}"
        )
    key = run.data.tags.get(RUN_KEY_TAG, "")
    if key not in ("", run_key):
        raise RunMismatch(
            f"{RUN_ID} names the run {run.info.run_id}, which belongs to the pipeline run {key}, not to "
            f"{run_key}; accepted: a run of its own, or no {RUN_ID}"
        )
    return run


def find_run(client: MlflowClient, run_id: str) -> Run | None:
    """A run by its id, deleted or not; None if the store has none of that id."""
    return unless_absent(lambda: client.get_run(run_id))


def active(client: MlflowClient, run_id: str) -> Run | None:
    """A run that is there and was not deleted."""
    run = find_run(client, run_id)
    return run if run is not None and run.info.lifecycle_stage == "active" else None


def find_or_make(
    client: MlflowClient,
    experiment_id: str,
    identity: Mapping[str, str],
    more: Mapping[str, str],
    name: str,
    choose: Callable[[list[Run]], Run | None],
    begun_ms: int | None = None,
) -> Run:
    """The run that is chosen among those of an identity, oldest first; made if none is.

    Of two processes that make it at once, one deletes its own again.

    Args:
      client: MLflow's.
      experiment_id: Where the runs lie.
      identity: Tags that name the run.
      more: Other tags of one that is made.
      name: Of one that is made.
      choose: Picks a run; None: none of them will do.
      begun_ms: When one that is made began, in milliseconds since 1970; None: now. A run whose record
        waited began before it is sent.
    """
    found = choose(_runs(client, experiment_id, identity))
    if found is not None:
        return found
    made = client.create_run(experiment_id, start_time=begun_ms, tags={**identity, **more}, run_name=name)
    chosen = choose(_runs(client, experiment_id, identity)) or made
    if chosen.info.run_id != made.info.run_id:
        client.delete_run(made.info.run_id)
    return chosen


def _runs(client: MlflowClient, experiment_id: str, identity: Mapping[str, str]) -> list[Run]:
    query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in identity.items())
    runs = client.search_runs([experiment_id], query)
    return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def undecided(runs: Sequence[Run]) -> Run | None:
    """The oldest run without a verdict."""
    return next((run for run in runs if not run.data.tags.get(VERDICT_DIGEST_TAG)), None)


def decided(runs: Sequence[Run], verdict_digest: str) -> Run | None:
    """The oldest run of a verdict."""
    return next((run for run in runs if run.data.tags.get(VERDICT_DIGEST_TAG) == verdict_digest), None)
