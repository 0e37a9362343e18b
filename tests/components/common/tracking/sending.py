"""The record of a judged run, and what a store holds of it: for tests of what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.tracking.names import LEDGER_ROLE, POINT_TAG, ROLE_TAG
from components.common.tracking.stores import open_client
from components.frontier_pusher import executor
from schemas.run_records import RunRecord
from tests.pushed_runs import BLESSED, make_scene

EXPERIMENT = "tinytrill"


class Recorded(Exception):
    """Ends the pusher where it would tell MLflow."""


def make_record(root: Path, tiny_files: dict[str, bytes], empty_store: Path) -> RunRecord:
    """What the pusher would tell of a run with two points on the host, one of which is for a phone too."""
    with pytest.MonkeyPatch.context() as patch:

        def tell(record: RunRecord, settings: object) -> None:
            raise Recorded(record)

        patch.setattr(executor, "tell", tell)
        made = make_scene(root, tiny_files, empty_store, blessed={"phone": [BLESSED[0]], "host": BLESSED[:2]})
        with pytest.raises(Recorded) as recorded:
            made.push()
    record: RunRecord = recorded.value.args[0]
    return record


def census(uri: str) -> dict[str, Any]:
    """Everything in a store that could have been doubled or lost; ledgers of promotions are left out."""
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = [
        run
        for run in client.search_runs([experiment.experiment_id])
        if run.data.tags.get(ROLE_TAG) != LEDGER_ROLE
    ]
    models = client.search_logged_models([experiment.experiment_id])
    return {
        "runs": sorted((run.data.tags[ROLE_TAG], run.info.run_name, run.info.status) for run in runs),
        "parameters": {run.info.run_name: run.data.params for run in runs},
        "metrics": {
            run.info.run_name: {
                name: len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics
            }
            for run in runs
        },
        "inputs": {
            run.info.run_name: sorted(
                (one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs
            )
            for run in runs
        },
        "outputs": sum(len(run.outputs.model_outputs) for run in runs if run.outputs),
        "files": {run.info.run_name: sorted(files_of(client, run.info.run_id)) for run in runs},
        "models": sorted((model.tags[POINT_TAG], str(model.status)) for model in models),
        "versions": sorted(
            (version.name, str(version.version), version.tags[POINT_TAG])
            for version in client.search_model_versions()
        ),
        "aliases": {
            model.name: {
                alias: str(number)
                for alias, number in client.get_registered_model(model.name).aliases.items()
            }
            for model in client.search_registered_models()
        },
    }


def files_of(client: Any, run_id: str, folder: str | None = None) -> list[str]:
    """All files among a run's artifacts."""
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        found += files_of(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return found
