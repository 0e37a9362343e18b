"""Our workers as their image starts them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.beam_runners.pods import Pod, wait_for
from tests.conftest import REPOSITORY

# Of every worker pool: "boot --worker_pool" knows no other.
PORT = 50000


def start_workers(pod: Pod, boot: Path, folder: Path) -> None:
    """Starts what ``boot --worker_pool`` starts, which waits to be asked for workers on port 50000.

    Args:
      pod: Where.
      boot: Beam's boot program.
      folder: The pod's own, in place of a container's ``/tmp`` and working directory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "boot"
    program.write_text(f'#!/bin/sh\nexec {boot} --semi_persist_dir={folder} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    python = Path(sys.executable)
    pod.start(
        "worker",
        [
            "python",
            "-m",
            "apache_beam.runners.worker.worker_pool_main",
            f"--service_port={PORT}",
            f"--container_executable={program}",
        ],
        {
            "PATH": f"{python.parent}:/usr/sbin:/usr/bin:/bin",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT": "1",
        },
        folder,
    )
    wait_for(f"worker pool in {pod.name}", lambda: pod.listens(PORT))


def started_workers(pods: Sequence[Pod]) -> list[int]:
    """How many workers were asked for in each pod so far."""
    return [pod.say("worker").count("Starting worker with command") for pod in pods]
