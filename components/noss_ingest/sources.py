"""The tasks NossIngest reads: those whose sound is here, those whose is not, and whether they changed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

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
from schemas.noss_tasks import ManifestSource, TaskRecord, TaskSourceSpec, TfdsSource

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


@dataclass(frozen=True)
class SoughtTask:
    """A task that is asked for; its source and its clips are looked up once, when they are first needed.

    Attributes:
      wanted: What is asked for.
      places: Where sources are looked for.
    """

    wanted: WantedTask
    places: Places

    @property
    def record(self) -> TaskRecord:
        """What the task is."""
        return self.wanted.record

    @property
    def may_be_fetched(self) -> bool:
        """Whether TensorFlow Datasets may prepare it, if it is not here."""
        return self.places.download and any(isinstance(one, TfdsSource) for one in self.record.sources)

    @cached_property
    def source(self) -> TaskSourceSpec:
        """The first of its sources that is here.

        Raises:
          SourceMissing: If none is, saying what was looked for.
          SourceError: If a publisher's folder is malformed.
        """
        return locate(self.record, self.places)

    @cached_property
    def listed(self) -> tuple[tuple[TaskRow, ...], str]:
        """Its clips as its source lists them, and which source that is.

        Raises:
          SourceMissing: If it is not here.
          SourceError: If its source is malformed.
        """
        rows, source = read_rows(self.record, self.places)
        return tuple(rows), source

    @cached_property
    def rows(self) -> tuple[TaskRow, ...]:
        """Its clips with splits, checked; errors as of :attr:`listed`."""
        rows = with_splits(list(self.listed[0]), self.record.split)
        check_rows(rows, self.record)
        return tuple(rows)

    def files(self) -> set[str | Path]:
        """The files of all its sources, there or not; of what is not a file, its description."""
        files: set[str | Path] = set()
        for source in self.record.sources:
            place = place_of(source, self.places)
            files.add(place or describe(source))
            if isinstance(source, ManifestSource) and place and place.is_file():
                known = source == self.source and not self.may_be_fetched
                listed = self.listed[0] if known else read_manifest(place)
                files |= {row.path for row in listed}
        return files


@dataclass(frozen=True)
class TaskSources:
    """The tasks that are asked for, and where their sound is looked for.

    Attributes:
      tasks: In the order in which they are asked for.
      places: Where sources are looked for.
      key: Where the settings stand in the configuration, for messages.
    """

    tasks: tuple[SoughtTask, ...]
    places: Places
    key: str

    @classmethod
    def of(
        cls,
        settings: NossIngestSettings,
        root: str | Path | None = None,
        synthetic: bool = False,
        key: str = "noss",
    ) -> Self:
        """Looks up which tasks are asked for.

        Args:
          settings: Which tasks.
          root: Folder of the tasks, if not that of the settings.
          synthetic: Whether the root was synthesised.
          key: Where the settings stand in the configuration, for messages.

        Raises:
          IngestError: If the root is absent, or a task is unknown.
          SourceError: If a folder cannot be a task.
          TaskRecordError: If a folder's record cannot be read.
        """
        if root is None and not settings.root:
            raise IngestError(f"{key}.root: is empty; accepted: a folder of tasks")
        places = Places.of(settings, _checked(settings.root if root is None else root, key))
        wanted = wanted_tasks(settings, places.root, synthetic, key)
        return cls(tuple(SoughtTask(task, places) for task in wanted), places, key)

    def find(self) -> tuple[list[FoundTask], list[UnavailableTask]]:
        """Those whose sound is here, with their clips, and the others.

        Raises:
          IngestError: If a required one's sound is absent, or that of every task.
          SourceError: If what is there is malformed, incomplete or leaks.
        """
        found: list[FoundTask] = []
        unavailable: list[UnavailableTask] = []
        for task in self.tasks:
            try:
                found.append(FoundTask(task.record, task.rows, task.listed[1], task.wanted.limit))
            except SourceMissing as error:
                unavailable.append(self._without(task, error))
        self._refuse_nothing(bool(found), unavailable)
        if unavailable:
            names = ", ".join(task.name for task in unavailable)
            _logger.info("not here: %s (pipeline_runner.py noss show TASK says how to get it)", names)
            for absent in unavailable:
                _logger.info("not here: %s: %s", absent.name, absent.reason)
        return found, unavailable

    def check(self) -> None:
        """Refuses tasks whose sound is not there; cheap enough to be called before anything runs.

        The clips of required tasks are listed, so that one of which only a part was unpacked is refused too.

        Raises:
          IngestError: With the key of the setting, its value and what is accepted.
          SourceError: If a required task's source is malformed.
        """
        found, unavailable = False, []
        for task in self.tasks:
            try:
                if not isinstance(task.source, TfdsSource) and task.wanted.required:
                    _ = task.listed
                found = True
            except SourceMissing as error:
                if task.may_be_fetched:
                    found = True
                else:
                    unavailable.append(self._without(task, error))
        self._refuse_nothing(found, unavailable)

    def digest(self) -> str:
        """Fingerprint of the tasks' records, and of the files of all their sources, there or not.

        What TFDS may fetch is fetched here, so that the digest is that of the run itself.

        Raises:
          IngestError: If a required task's sound could not be fetched either.
          SourceError: If a manifest is malformed.
        """
        digest = hashlib.blake2b(digest_size=16)
        for task in self.tasks:
            try:
                _obtain(task)
            except SourceMissing as error:
                self._without(task, error)
            digest.update(task.record.to_parameter().encode())
            digest.update(fingerprint(task.files()).encode())
        return digest.hexdigest()

    def _without(self, task: SoughtTask, error: SourceMissing) -> UnavailableTask:
        """The entry of a task that the run can do without.

        Raises:
          IngestError: If it cannot.
        """
        record = task.record
        if task.wanted.required:
            raise IngestError(
                f"{self.key}.require: the sound of task {record.name!r} is not here: {error}; to get it: "
                f"{how_to_obtain(record.obtain)}"
            ) from error
        return UnavailableTask(name=record.name, reason=str(error), obtain=record.obtain)

    def _refuse_nothing(self, found: bool, unavailable: list[UnavailableTask]) -> None:
        if found:
            return
        names = ", ".join(task.name for task in unavailable)
        raise IngestError(
            f"{self.key}.root: no task's sound is here: no sub-folder of {str(self.places.root)!r} has a "
            "manifest.csv"
            + (f", and of {names} none was found" if names else "")
            + "; accepted: a folder of tasks (pipeline_runner.py noss ls says how to get which)"
        )


def _obtain(task: SoughtTask) -> None:
    """Lets TFDS prepare a task that is not here, if it may.

    Raises:
      SourceMissing: If it is not here after that.
    """
    try:
        _ = task.source
    except SourceMissing:
        if not task.may_be_fetched:
            raise
        for source in task.record.sources:
            if isinstance(source, TfdsSource):
                prepare(source, task.places.tfds_dir)


def _checked(root: str | Path, key: str) -> Path:
    root = Path(root)
    if not root.is_dir():
        raise IngestError(f"{key}.root: there is no folder {str(root)!r}; accepted: a folder of tasks")
    return root
