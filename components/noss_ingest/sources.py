"""The tasks NossIngest reads: those whose sound is here, those whose is not, and whether they changed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from components.common.audio.fingerprint import fingerprint
from components.common.audio.intake_report import IngestError
from components.noss_ingest.choice import WantedTask, wanted_tasks
from components.noss_ingest.leaks import check_rows
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.places import Places, describe, how_to_obtain, locate, place_of, read_rows
from components.noss_ingest.rows import SourceMissing, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.splits import with_splits
from components.noss_ingest.tfds_prepare import prepare
from schemas.noss_task_sets import UnavailableTask
from schemas.noss_tasks import ManifestSource, TaskRecord, TfdsSource

CORPUS_FOLDER = "noss"

_logger = logging.getLogger("tinytrill.noss_ingest")


@dataclass(frozen=True)
class FoundTask:
    """A task whose sound is here.

    Attributes:
      record: What it is.
      rows: All its clips, with splits, checked.
      source: Where they were found.
      limit: Clips to take at most; 0: all.
    """

    record: TaskRecord
    rows: tuple[TaskRow, ...]
    source: str
    limit: int


def find_tasks(
    settings: NossIngestSettings, root: str | Path, synthetic: bool = False, key: str = "noss"
) -> tuple[list[FoundTask], list[UnavailableTask]]:
    """The tasks that are asked for: those whose sound is here, with their clips, and the others.

    Args:
      settings: Which tasks.
      root: Folder of the tasks.
      synthetic: Whether the root was synthesised.
      key: Where the settings stand in the configuration, for messages.

    Raises:
      IngestError: If the root is absent, a task is unknown, a required one's sound is absent, or that of
        every task.
      SourceError: If what is there is malformed, incomplete or leaks.
    """
    places = Places.of(settings, _checked(root, key))
    found: list[FoundTask] = []
    unavailable: list[UnavailableTask] = []
    for task in wanted_tasks(settings, places.root, synthetic, key):
        try:
            rows, source = read_rows(task.record, places)
        except SourceMissing as error:
            unavailable.append(_without(task, error, key))
            continue
        rows = with_splits(rows, task.record.split)
        check_rows(rows, task.record)
        found.append(FoundTask(task.record, tuple(rows), source, task.limit))
    _refuse_nothing(bool(found), unavailable, places, key)
    if unavailable:
        names = ", ".join(task.name for task in unavailable)
        _logger.info("not here: %s (pipeline_runner.py noss show TASK says how to get it)", names)
        for absent in unavailable:
            _logger.info("not here: %s: %s", absent.name, absent.reason)
    return found, unavailable


def check_sources(settings: NossIngestSettings, key: str = "noss") -> None:
    """Refuses settings whose sound is not there; cheap enough to be called before anything runs.

    The clips of required tasks are listed, so that one of which only a part was unpacked is refused too.

    Raises:
      IngestError: With the key of the setting, its value and what is accepted.
      SourceError: If a folder cannot be a task, or a required task's source is malformed.
      TaskRecordError: If a folder's record cannot be read.
    """
    if not settings.root:
        raise IngestError(f"{key}.root: is empty; accepted is a folder of tasks")
    places = Places.of(settings, _checked(settings.root, key))
    found, unavailable = False, []
    for task in wanted_tasks(settings, places.root, key=key):
        try:
            source = locate(task.record, places)
            if task.required and not isinstance(source, TfdsSource):
                read_rows(task.record, places)
            found = True
        except SourceMissing as error:
            if settings.download and any(source.kind == "tfds" for source in task.record.sources):
                found = True
            else:
                unavailable.append(_without(task, error, key))
    _refuse_nothing(found, unavailable, places, key)


def sources_digest(settings: NossIngestSettings, key: str = "noss") -> str:
    """Fingerprint of the tasks' records, and of the files of all their sources, there or not.

    What TFDS may fetch is fetched here, so that the digest is that of the run itself.

    Raises:
      IngestError: If a required task's sound could not be fetched either.
      SourceError: If a manifest is malformed.
    """
    places = Places.of(settings, settings.root)
    digest = hashlib.blake2b(digest_size=16)
    for task in wanted_tasks(settings, places.root, key=key):
        try:
            _obtain(task.record, places)
        except SourceMissing as error:
            _without(task, error, key)
        files: set[str | Path] = set()
        for source in task.record.sources:
            place = place_of(source, places)
            files.add(place or describe(source))
            if isinstance(source, ManifestSource) and place and place.is_file():
                files |= {row.path for row in read_manifest(place)}
        digest.update(task.record.to_parameter().encode())
        digest.update(fingerprint(files).encode())
    return digest.hexdigest()


def _obtain(record: TaskRecord, places: Places) -> None:
    """Lets TFDS prepare a task that is not here, if it may.

    Raises:
      SourceMissing: If it is not here after that.
    """
    try:
        locate(record, places)
    except SourceMissing:
        tfds = [source for source in record.sources if isinstance(source, TfdsSource)]
        if not (places.download and tfds):
            raise
        for source in tfds:
            prepare(source, places.tfds_dir)


def _checked(root: str | Path, key: str) -> Path:
    root = Path(root)
    if not root.is_dir():
        raise IngestError(f"{key}.root: there is no folder {str(root)!r}; accepted is a folder of tasks")
    return root


def _without(task: WantedTask, error: SourceMissing, key: str) -> UnavailableTask:
    """The entry of a task that the run can do without.

    Raises:
      IngestError: If it cannot.
    """
    if task.required:
        raise IngestError(
            f"{key}.require: the sound of task {task.record.name!r} is not here: {error}; to get it: "
            f"{how_to_obtain(task.record.obtain)}"
        ) from error
    return UnavailableTask(name=task.record.name, reason=str(error), obtain=task.record.obtain)


def _refuse_nothing(found: bool, unavailable: list[UnavailableTask], places: Places, key: str) -> None:
    if found:
        return
    names = ", ".join(task.name for task in unavailable)
    raise IngestError(
        f"{key}.root: no task's sound is here: no sub-folder of {str(places.root)!r} has a manifest.csv"
        + (f", and of {names} none was found" if names else "")
        + "; accepted is a folder of tasks (pipeline_runner.py noss ls says how to get which)"
    )
