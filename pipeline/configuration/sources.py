"""What a run reads from outside: where it lies, whether it is there, whether it changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.common.audio.intake_report import IngestError
from components.common.audio.places import is_url, join
from components.common.tracking.stores import SQLITE, TRACKING_URI, keep_credentials_aside
from components.noss_ingest.rows import SourceError
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.devices import resolve_devices
from pipeline.local.layout import RunLayout
from schemas.noss_tasks import TaskRecordError
from schemas.secrets import redact
from schemas.teachers import resolve_paths

DATA_ROOT = "TINYTRILL_DATA_ROOT"
TEACHER_ROOT = "TINYTRILL_TEACHER_ROOT"


@dataclass(frozen=True)
class DataDigests:
    """Fingerprints of what a run reads from outside: the cache sees changes by them."""

    corpus: str = ""
    noss: str = ""
    teacher: str = ""
    references: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    registry: str = ""


def resolve(config: RunConfig, layout: RunLayout, device_root: str | Path = "") -> RunConfig:
    """The configuration with absolute places, and with what one section takes from another filled in.

    Relative places of sound and of teachers are taken from ``data_root`` and ``teacher_root``, which come
    from the configuration, else from the environment, else are the working folder. What devices need is
    taken from ``device_root``, or else the working folder. The corpus may be named by a URL.

    Raises:
      ConfigError: If a root of relative places is a URL.
    """
    data_root = root_of(config.data_root, DATA_ROOT)
    teacher_root = root_of(config.teacher_root, TEACHER_ROOT)
    push = config.push.model_copy(
        update={
            "destination": config.push.destination or str(layout.pushed),
            "tracking_uri": _tracking_uri(config, layout),
            "outbox": config.push.outbox or str(layout.outbox),
        }
    )
    devices = resolve_devices(config.latency.devices, device_root)
    updates: dict[str, Any] = {
        "data_root": str(data_root),
        "teacher_root": str(teacher_root),
        "distillation": config.distillation.model_copy(
            update={"teacher": resolve_paths(config.distillation.teacher, teacher_root)}
        ),
        "evaluation": config.evaluation.model_copy(
            update={
                "references": tuple(
                    resolve_paths(reference, teacher_root) for reference in config.evaluation.references
                )
            }
        ),
        "latency": config.latency.model_copy(update={"devices": devices}),
        "push": push,
    }
    if config.synthetic is None:
        updates["corpus"] = config.corpus.model_copy(update={"root": join(data_root, config.corpus.root)})
        updates["noss"] = config.noss.model_copy(
            update={
                "root": str(data_root / config.noss.root),
                "tfds_dir": config.noss.tfds_dir and str(data_root / Path(config.noss.tfds_dir).expanduser()),
            }
        )
    return config.model_copy(update=updates)


@contextmanager
def refusing_sources() -> Iterator[None]:
    """Turns what is wrong with the tasks' sources into what a command refuses.

    Raises:
      ConfigError: With the same message.
    """
    try:
        yield
    except (IngestError, SourceError, TaskRecordError) as error:
        raise ConfigError(str(error)) from error


def root_of(configured: str, variable: str) -> Path:
    """The folder that relative places start at: as configured, else by the environment, else this one.

    Raises:
      ConfigError: If it is a URL: tasks and teachers are read from folders.
    """
    named = configured or os.environ.get(variable, ".")
    if is_url(named):
        raise ConfigError(
            f"{redact(named)!r} ({variable}) is a URL; accepted: a folder that relative places of tasks or "
            "teachers are in. The corpus may be elsewhere: corpus.root takes a URL"
        )
    return Path(named).expanduser().resolve()


def _tracking_uri(config: RunConfig, layout: RunLayout) -> str:
    """As configured, else by the environment, else a file of the run's own."""
    named = config.push.tracking_uri or os.environ.get(TRACKING_URI, "")
    return keep_credentials_aside(named) if named else f"{SQLITE}{layout.mlflow}"
