"""The last task of a run: ends it in MLflow, and fails if the gate is closed.

python -m infra.kubeflow.close_run --task EXECUTOR_INPUT --run-id ID --run-folder FOLDER

It is not tried again, and all that the run made is published before: of a container that fails, the
launcher publishes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.kubeflow.container_task import ContainerTask
from infra.kubeflow.outcome import RunClosed, reporting
from infra.kubeflow.run_context import finish
from pipeline.kubeflow.run_ends import CLOSED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.close_run")
    parser.add_argument("--task", required=True, help="ExecutorInput as JSON")
    parser.add_argument("--run-id", required=True, help="Kubeflow's id of the run")
    parser.add_argument("--run-folder", required=True, help="folder of the run that pods share")
    options = parser.parse_args(arguments)
    with reporting("CloseRun") as outcome:
        task = ContainerTask.parse(options.task)
        task.prepare()
        closed = str(task.parameters.get(CLOSED, ""))
        finish(Path(options.run_folder), options.run_id, "FAILED" if closed else "FINISHED")
        if closed:
            raise RunClosed(closed)
        task.tell({})
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
