"""Runs a component's executor in a container of Kubeflow Pipelines.

python -m infra.kubeflow.entrypoint --node … --executor … --task EXECUTOR_INPUT …
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from components.common.frontier.closed import GateClosed
from infra.kubeflow.container_task import ContainerTask
from infra.kubeflow.execution import Execution
from infra.kubeflow.outcome import reporting
from infra.kubeflow.run_context import inside
from infra.kubeflow.shares import one_a_candidate
from pipeline.kubeflow.run_ends import CLOSED
from pipeline.kubeflow.run_values import apply

log = logging.getLogger("tinytrill.kubeflow")


def execute(options: argparse.Namespace, beam_args: Sequence[str]) -> None:
    """Executes one task.

    A closed gate is not a failure of the pusher's: what it pushed for other devices must be published, and no
    retry would open the gate. It is told to the run's last task, which ends the run.

    Args:
      options: Of the command line.
      beam_args: Options of Beam.

    Raises:
      TaskError: If the task does not fit the executor.
      RunValueError: If a run-time parameter cannot be used.
      Exception: Whatever the executor raises.
    """
    made = json.loads(options.outputs)
    task = ContainerTask.parse(options.task, made, _names(options.integers))
    task.prepare()
    execution = Execution(
        options.executor, json.loads(options.types), made, Path(task.output_file).parent, beam_args
    )
    inputs = one_a_candidate(task.inputs, _names(options.shares))
    properties = apply(json.loads(options.parameters) | task.parameters, task.values)
    closed, metadata = "", {}
    with inside(Path(options.run_folder), options.run_id):
        try:
            metadata = execution.run(inputs, task.outputs, properties)
        except GateClosed as error:
            closed = str(error)
            log.warning("%s", closed)
    task.tell(metadata, {CLOSED: closed})


def _names(listed: str) -> frozenset[str]:
    return frozenset(filter(None, listed.split(",")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.entrypoint", allow_abbrev=False)
    for name, what in (
        ("node", "the node, for messages"),
        ("executor", "import path of the executor"),
        ("task", "ExecutorInput as JSON"),
        ("run-id", "Kubeflow's id of the run"),
        ("run-folder", "folder of the run that pods share"),
        ("types", "type of each input's role, as JSON"),
        ("outputs", "type of each output, as JSON"),
        ("values", "run-time parameters that the task is given"),
    ):
        parser.add_argument(f"--{name}", required=True, help=what)
    parser.add_argument("--parameters", default="{}", help="execution parameters that are always the same")
    parser.add_argument("--integers", default="", help="parameters that are integers")
    parser.add_argument(
        "--shares", default="", help="roles of inputs that hold several candidates' artifacts"
    )
    options, beam_args = parser.parse_known_args(arguments)
    with reporting(options.node) as outcome:
        execute(options, beam_args)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
