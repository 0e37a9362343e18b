"""Where the launcher of Kubeflow Pipelines puts what lies in an object store.

The launcher (backend/src/v2/component/launcher_v2.go) copies inputs to a folder of the container before the
command runs and outputs from there afterwards; the command is told addresses, which TensorFlow cannot open.
"""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}
# Where the folders are; another than "/" where a test plays the launcher.
MOUNT_ROOT = "TINYTRILL_LAUNCHER_ROOT"


class PlaceError(ValueError):
    """An address that no folder of the container stands for."""


def local_path(uri: str) -> str:
    """The folder or file that stands for an address; a path is left as it is.

    Raises:
      PlaceError: If its scheme is unknown.
    """
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return str(_root() / folder / uri.removeprefix(scheme))
    if "://" in uri:
        raise PlaceError(f"{uri}: accepted: {', '.join(MOUNTS)} and paths")
    return uri


def remote_uri(path: str) -> str:
    """The address that a folder or file stands for; a path that stands for none is left as it is."""
    for scheme, folder in MOUNTS.items():
        mount = f"{_root() / folder}/"
        if path.startswith(mount):
            return f"{scheme}{path.removeprefix(mount)}"
    return path


def _root() -> Path:
    return Path(os.environ.get(MOUNT_ROOT, "/"))
