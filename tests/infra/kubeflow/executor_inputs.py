"""Tasks as a launcher tells them, made up for tests, with artifacts below the launcher's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUCKET = "s3://runs"
# What the driver adds where PUBLISH_LOGS is on (backend/src/v2/driver, provisionOutputs).
LOGS = "executor-logs"


def folder_of(launcher: Path, name: str) -> Path:
    """Where the launcher puts an artifact."""
    return launcher / "s3" / "runs" / name


def given(name: str, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An artifact as Kubeflow tells it: without a type."""
    return {
        "artifacts": [{"name": f"{len(name)}", "uri": f"{BUCKET}/{name}", "metadata": dict(metadata or {})}]
    }


def executor_input(
    launcher: Path,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    outputs: tuple[str, ...] = (),
    parameters: Mapping[str, Any] | None = None,
    output_parameters: tuple[str, ...] = (),
) -> str:
    """An ExecutorInput as JSON; with the log that Kubeflow's driver adds to the outputs of every task.

    The launcher writes that log before the container's command begins.
    """
    log = folder_of(launcher, f"made/{LOGS}")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    return json.dumps(
        {
            "inputs": {"parameterValues": dict(parameters or {}), "artifacts": dict(inputs or {})},
            "outputs": {
                "artifacts": {
                    name: {"artifacts": [{"uri": f"{BUCKET}/made/{name}"}]} for name in (*outputs, LOGS)
                },
                "parameters": {
                    name: {"outputFile": str(launcher / "parameters" / name)} for name in output_parameters
                },
                "outputFile": str(launcher / "told" / "output_metadata.json"),
            },
        }
    )


def told(launcher: Path) -> Any:
    """What the container told the launcher."""
    return json.loads((launcher / "told" / "output_metadata.json").read_text(encoding="utf-8"))
