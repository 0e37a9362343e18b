"""Which tasks are asked for: names, folders and records, all as records."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from components.common.audio.intake_report import IngestError
from components.noss_ingest.rows import SourceError
from components.noss_ingest.settings import NossIngestSettings, TaskChoice
from schemas.noss_tasks import (
    MANIFEST_FILE,
    RECORD_FILE,
    ManifestSource,
    TaskRecord,
    catalogue,
    read_record,
)

_logger = logging.getLogger("tinytrill.noss_ingest")


@dataclass(frozen=True)
class WantedTask:
    """A task that is to be taken in.

    Attributes:
      record: What it is.
      limit: Clips to take at most; 0: all.
      required: Whether the run must not start without its sound.
    """

    record: TaskRecord
    limit: int
    required: bool


def wanted_tasks(
    settings: NossIngestSettings, root: Path, synthetic: bool = False, key: str = "noss"
) -> list[WantedTask]:
    """The records of the tasks that are asked for.

    Args:
      settings: Which tasks.
      root: Folder of the tasks.
      synthetic: Whether the root was synthesised: then its folders are all there is.
      key: Where the settings stand in the configuration, for messages.

    Raises:
      IngestError: If a task is asked for that nothing knows.
      SourceError: If a folder cannot be a task.
      TaskRecordError: If a folder's record cannot be read.
    """
    folders = folder_records(root)
    known = folders if synthetic else dict(sorted({**catalogue(), **folders}.items()))
    choices = settings.tasks or tuple(TaskChoice(name=name) for name in known)
    records = [
        choice.record or _look_up(choice.name, known, f"{key}.tasks.{index}")
        for index, choice in enumerate(choices)
    ]
    names = [record.name for record in records]
    required = names if settings.require == "all" else settings.require
    for index, name in enumerate(required):
        if name not in names:
            raise IngestError(
                f"{key}.require.{index}: {name!r} is not one of the tasks; they are {', '.join(names)}"
            )
    return [
        WantedTask(record, settings.limit if choice.limit is None else choice.limit, record.name in required)
        for record, choice in zip(records, choices, strict=True)
    ]


def folder_records(root: Path) -> dict[str, TaskRecord]:
    """The tasks that lie in folders of their own below the root, by name.

    A folder is a task if it has a ``task.yaml``, or a ``manifest.csv`` that no record of the catalogue
    has as its source.

    Raises:
      SourceError: If a folder cannot be a task, or its name is taken.
      TaskRecordError: If a record cannot be read.
    """
    records: dict[str, TaskRecord] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "."):
        own = (folder / RECORD_FILE).is_file()
        if not own and not (folder / MANIFEST_FILE).is_file():
            continue
        record = folder_record(folder)
        if record is catalogue().get(record.name):
            continue
        if record.name in records:
            raise SourceError(f"{folder}: there is a task {record.name!r} already; accepted: unique names")
        if record.name in catalogue():
            if not own:
                raise SourceError(
                    f"{folder}: {record.name!r} is a task of the catalogue, which does not look for its "
                    f"sound here; accepted: another name of the folder, or a {RECORD_FILE} in it"
                )
            _logger.info("task %s: %s stands for the catalogue's", record.name, folder / RECORD_FILE)
        records[record.name] = record
    return records


def folder_record(folder: Path) -> TaskRecord:
    """The record of a folder: its ``task.yaml``, the catalogue's for its manifest, or what is usual.

    Raises:
      SourceError: If the folder's name cannot be that of a task.
      TaskRecordError: If the record cannot be read.
    """
    source = ManifestSource(file=f"{folder.name}/{MANIFEST_FILE}")
    if (folder / RECORD_FILE).is_file():
        return read_record(folder / RECORD_FILE, sources=(source,))
    for record in catalogue().values():
        if source in record.sources:
            return record
    try:
        return TaskRecord(name=folder.name, speaker_disjoint="auto", sources=(source,))
    except ValidationError as error:
        raise SourceError(f"{folder}: {error.errors()[0]['msg']}, as the name of a task") from error
    except UnicodeEncodeError as error:
        raise SourceError(f"{folder}: the name is not UTF-8; accepted: another name of the folder") from error


def _look_up(name: str, known: dict[str, TaskRecord], key: str) -> TaskRecord:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise IngestError(f"{key}: there is no task {name!r}{hint} (known here: {', '.join(known)})")
