"""What a run reads from outside: where it lies, whether it is there, whether it changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.audio_ingest import sources as corpus_sources
from components.audio_ingest.name_match import match_names
from components.common.audio.fingerprint import fingerprint
from components.common.audio.intake_report import IngestError
from components.common.audio.places import is_url, join, use_beam_options
from components.common.tracking.faults import StoreUnreachable, TrackingFault
from components.common.tracking.stores import SQLITE, TRACKING_URI, keep_credentials_aside
from components.noss_ingest import sources as noss_sources
from components.noss_ingest.rows import SourceError
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.devices import check_devices, device_digest, resolve_devices
from pipeline.local.layout import RunLayout
from pipeline.models.registry_digest import registry_digest
from schemas.noss_tasks import TaskRecordError
from schemas.secrets import redact
from schemas.teachers import check_teacher, resolve_paths, teacher_files

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
    synthetic = config.synthetic is not None
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
                "front_end": config.front_end,
                "synthetic": synthetic,
                "references": tuple(
                    resolve_paths(reference, teacher_root) for reference in config.evaluation.references
                ),
            }
        ),
        "conversion": config.conversion.model_copy(update={"seed": config.seed}),
        "latency": config.latency.model_copy(update={"devices": devices}),
        "gate": config.gate.model_copy(
            update={
                "budgets": {name: device.budgets for name, device in devices.items() if device.budgets},
                "tracking_uri": push.tracking_uri,
                "registered_model": push.registered_model,
                "without_registry": push.if_unreachable == "keep",
            }
        ),
        "push": push,
    }
    if config.teacher_training is not None:
        updates["teacher_training"] = config.teacher_training.model_copy(
            update={"front_end": config.front_end}
        )
    if config.synthetic is not None:
        updates["synthetic"] = config.synthetic.model_copy(update={"seed": config.seed})
    else:
        updates["corpus"] = config.corpus.model_copy(update={"root": join(data_root, config.corpus.root)})
        updates["noss"] = config.noss.model_copy(
            update={
                "root": str(data_root / config.noss.root),
                "tfds_dir": config.noss.tfds_dir and str(data_root / Path(config.noss.tfds_dir).expanduser()),
            }
        )
    return config.model_copy(update=updates)


def check_sources(config: RunConfig) -> None:
    """Refuses a resolved configuration whose sound, teacher or devices' files are not there.

    Raises:
      ConfigError: With the setting's key, its value and what is accepted.
    """
    try:
        if config.synthetic is None:
            _reach(config)
            corpus_sources.check_sources(config.corpus, key="corpus")
            noss_sources.check_sources(config.noss, key="noss")
        check_teacher(config.distillation.teacher, key="distillation.teacher")
        for index, reference in enumerate(config.evaluation.references):
            check_teacher(reference, key=f"evaluation.references.{index}")
    except (IngestError, ValueError) as error:
        raise ConfigError(f"{error}\n  {_where(config)}") from error
    check_devices(config.latency.devices, key="latency.devices")


def describe_corpus(config: RunConfig) -> str:
    """How a sample of the clips of a resolved configuration's corpus fits its rows.

    Raises:
      ConfigError: If a row is malformed, or no clip fits any.
    """
    try:
        _reach(config)
        return f"corpus: {match_names(config.corpus, key='corpus')}"
    except ValueError as error:
        raise ConfigError(f"{error}\n  {_where(config)}") from error


def data_digests(config: RunConfig, layout: RunLayout) -> DataDigests:
    """Fingerprints of what a resolved configuration names outside the pipeline.

    Args:
      config: Resolved.
      layout: Where earlier runs are, if there were any.

    Raises:
      ConfigError: If a required task could not be fetched, a task's manifest is malformed, or the registry
        or the corpus' store cannot be read.
    """
    synthetic = config.synthetic is not None
    try:
        noss = "" if synthetic else noss_sources.sources_digest(config.noss)
        _reach(config)
        corpus = "" if synthetic else corpus_sources.sources_digest(config.corpus)
    except ValueError as error:
        raise ConfigError(f"{error}\n  {_where(config)}") from error
    return DataDigests(
        corpus=corpus,
        noss=noss,
        teacher=fingerprint(teacher_files(config.distillation.teacher)),
        references={
            reference.name: fingerprint(teacher_files(reference))
            for reference in config.evaluation.references
        },
        devices={
            name: device_digest(device, layout.artifacts / f"LatencyBenchmark.{name}" / "report")
            for name, device in config.latency.devices.items()
        },
        registry=_registry(config),
    )


def _registry(config: RunConfig) -> str:
    """What the run competes with in the registry.

    Raises:
      ConfigError: If the registry refuses to be read; if it does not answer and may not be done without.
    """
    try:
        return registry_digest(config.push, config.name, list(config.latency.devices))
    except StoreUnreachable as error:
        if config.push.if_unreachable == "keep":
            # The gate says that it judged without; when the registry is back, it judges again.
            return "unreachable"
        raise ConfigError(f"push.tracking_uri: {error}\n  push.if_unreachable is 'stop'") from None
    except TrackingFault as error:
        raise ConfigError(f"push.tracking_uri: {error}") from None


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


def _reach(config: RunConfig) -> None:
    """Stores are reached as the workers will reach them; Beam is asked for only where there is a store."""
    if is_url(config.corpus.root):
        use_beam_options(config.execution.beam_args)


def root_of(configured: str, variable: str) -> Path:
    """The folder that relative places start at: as configured, else by the environment, else this one.

    Raises:
      ConfigError: If it is a URL: tasks and teachers are read from folders.
    """
    named = configured or os.environ.get(variable, ".")
    if is_url(named):
        raise ConfigError(
            f"{redact(named)!r} ({variable}) is a URL; accepted is a folder that relative places of tasks or "
            "teachers are in. The corpus may be elsewhere: corpus.root takes a URL"
        )
    return Path(named).expanduser().resolve()


def _tracking_uri(config: RunConfig, layout: RunLayout) -> str:
    """As configured, else by the environment, else a file of the run's own."""
    named = config.push.tracking_uri or os.environ.get(TRACKING_URI, "")
    return keep_credentials_aside(named) if named else f"{SQLITE}{layout.mlflow}"


def _where(config: RunConfig) -> str:
    return (
        f"relative places of sound start at {config.data_root} (data_root or {DATA_ROOT}), of teachers at "
        f"{config.teacher_root} (teacher_root or {TEACHER_ROOT})"
    )
