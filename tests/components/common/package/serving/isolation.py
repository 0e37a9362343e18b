"""A process that has what a served model may use, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ABSENT = (
    "tensorflow",
    "tf_keras",
    "keras",
    "tfx",
    "apache_beam",
    "components",
    "schemas",
    "pipeline",
    "soxr",
)


def isolated(folder: Path) -> dict[str, str]:
    """Environment of such a process; its working folder must be ``folder``, too.

    Python runs the ``sitecustomize`` written there when it starts, in child processes as well. MLflow reads
    no pickle there.
    """
    absent = f"import sys\nfor name in {ABSENT}:\n    sys.modules[name] = None\n"
    (folder / "sitecustomize.py").write_text(absent)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
