"""The first task of a run: looks at what lies on the cluster, and opens the run in MLflow.

python -m infra.kubeflow.open_run --task EXECUTOR_INPUT --run-id ID --run-folder FOLDER

Whoever compiled the pipeline could not look. What it finds out goes to the other tasks as parameters, so that
Kubeflow's cache sees changed sound, teachers and rivals.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from infra.kubeflow.attempts import failures_noted
from infra.kubeflow.container_task import ContainerTask
from infra.kubeflow.outcome import reporting
from infra.kubeflow.run_context import keep
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import validate
from pipeline.configuration.resolved import ResolvedRun
from pipeline.configuration.sources import DataDigests
from pipeline.kubeflow.run_ends import FAILURES
from pipeline.kubeflow.run_values import apply
from pipeline.kubeflow.tasks import known_digests
from pipeline.local.layout import RunLayout
from pipeline.local.tracked_run import open_run
from pipeline.preflight import examine
from schemas.devices import AdbDevice

log = logging.getLogger("tinytrill.kubeflow")


def begin(task: ContainerTask, parameters: Mapping[str, str], run_id: str, run_folder: Path) -> None:
    """Checks, fingerprints, opens.

    Args:
      task: With the run-time parameters.
      parameters: The configuration, as compiled, as ``config_json``.
      run_id: Kubeflow's id of the run: the same when it is retried.
      run_folder: Folder that the pods share.

    Raises:
      ConfigError: If sound, a teacher, a device's files or the registry is not there or cannot be used, or
        what is asked for cannot succeed.
      RunValueError: If a run-time parameter cannot be used.
    """
    properties = apply(parameters, task.values)
    config = validate(json.loads(properties["config_json"]), "the configuration with the run's parameters")
    run = ResolvedRun(config, config, RunLayout(run_folder))
    run.check()
    examine(run, log.info)
    digests = _asked_anew(run.digests, config, run_id)
    context = open_run(config, run_id, run.provenance)
    keep(context, run_folder, run_id)
    found = known_digests(digests)
    for name, value in sorted(found.items()):
        log.info("%s: %s", name, value or "nothing outside the pipeline")
    task.tell({}, {**found, FAILURES: failures_noted(run_folder)})


def _asked_anew(digests: DataDigests, config: RunConfig, run_id: str) -> DataDigests:
    """Lets no run take another's word for a device on a cable, be it one that the run itself brought."""
    devices = {
        name: f"{digest} in {run_id}" if isinstance(config.latency.devices[name], AdbDevice) else digest
        for name, digest in digests.devices.items()
    }
    return replace(digests, devices=devices)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.open_run")
    parser.add_argument("--task", required=True, help="ExecutorInput as JSON")
    parser.add_argument("--parameters", default="{}", help="execution parameters that are always the same")
    parser.add_argument("--run-id", required=True, help="Kubeflow's id of the run")
    parser.add_argument("--run-folder", required=True, help="folder of the run that pods share")
    options = parser.parse_args(arguments)
    with reporting("OpenRun") as outcome:
        task = ContainerTask.parse(options.task)
        task.prepare()
        begin(task, json.loads(options.parameters), options.run_id, Path(options.run_folder))
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
